import { Injectable, Logger } from '@nestjs/common';
import {
  type CallToolResult,
  createMcpHandler,
  type McpHttpHandler,
  type McpRequestContext,
  type Server,
} from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { ReplicatedEventBus } from '../storage/index.js';
import { SdkServers, ToolRunner } from '../tools/index.js';
import { toWebRequest, writeWebResponse } from './web-bridge.js';

const KEEP_ALIVE_MS = 15_000;
const MAX_SUBSCRIPTIONS = 10_000;
/** Key in the authorization info under which the server factory finds the request. */
const REQUEST = 'cyberun:request';

interface RequestState {
  /** Aborted when the client has closed the response. */
  readonly gone: AbortSignal;
  /** Aborted when the handler should stop and respond. */
  readonly stop: AbortSignal;
  readonly first: CallToolResult | undefined;
  readonly isSubscription: boolean;
}

type Served = Pick<RequestState, 'stop' | 'first'> & { readonly rawRequest: McpHttpRequest };

/** The SDK's own handler for 2026-07-28 and later. */
@Injectable()
export class SdkHandler {
  private readonly logger = new Logger(SdkHandler.name);
  /** Two, because ending subscriptions must not end calls. */
  private readonly calls: McpHttpHandler;
  private readonly subscriptions: McpHttpHandler;

  constructor(
    private readonly servers: SdkServers,
    private readonly tools: ToolRunner,
    private readonly events: ReplicatedEventBus,
  ) {
    this.calls = this.handler();
    this.subscriptions = this.handler();
  }

  async serve(
    rawRequest: McpHttpRequest,
    response: ServerResponse,
    parsedBody: unknown,
    { gone, stop, first, isSubscription }: RequestState,
  ): Promise<void> {
    const handler = isSubscription ? this.subscriptions : this.calls;
    const extra = { [REQUEST]: { rawRequest, stop, first } satisfies Served };
    const answer = await handler.fetch(toWebRequest(rawRequest, gone), {
      parsedBody,
      authInfo: { ...rawRequest.auth, extra },
    });
    await writeWebResponse(answer, response);
  }

  listChanged(kind: 'tools' | 'resources' | 'prompts'): void {
    const { notify } = this.calls;
    if (kind === 'tools') notify.toolsChanged();
    else if (kind === 'resources') notify.resourcesChanged();
    else notify.promptsChanged();
  }

  /** Ends every subscription. */
  endSubscriptions(): Promise<void> {
    return this.subscriptions.close();
  }

  async close(): Promise<void> {
    await Promise.all([this.subscriptions.close(), this.calls.close()]);
  }

  private handler(): McpHttpHandler {
    return createMcpHandler((context) => this.serverFor(context), {
      legacy: 'reject',
      bus: this.events,
      keepAliveMs: KEEP_ALIVE_MS,
      maxSubscriptions: MAX_SUBSCRIPTIONS,
      onerror: ({ message }) => this.logger.debug(message),
    });
  }

  private serverFor({ authInfo }: McpRequestContext): Server {
    const served = authInfo?.extra?.[REQUEST] as Served | undefined;
    if (!served) throw new Error('a request reached the SDK without its authorization info');
    const { rawRequest, stop, first } = served;
    const server = this.servers.create();
    const session = { transport: 'streamable-http', stateless: true, era: 'modern' } as const;
    const origin = { rawRequest, session, signal: stop, server: () => server };
    this.servers.bind(server, session, rawRequest, this.tools.throughSdk(origin, first));
    return server.server as unknown as Server;
  }
}
