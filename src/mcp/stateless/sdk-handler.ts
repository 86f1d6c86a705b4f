import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import {
  createMcpHandler,
  type McpHttpHandler,
  type McpRequestContext,
  type RequestId,
  type Server,
  type ServerEvent,
  type ServerEventBus,
} from '@modelcontextprotocol/server';

import type { McpHttpRequest } from '../auth/index.js';
import { InFlightRequests, INTERRUPTED, type OpenCall, type Operation } from '../calls/index.js';
import { sendJsonRpcError } from '../http/index.js';
import { CODE, isRecord, isRequestId, JsonRpcHttpError } from '../protocol/index.js';
import { ReplicatedEventBus } from '../storage/index.js';
import { SdkServers, ToolSources } from '../tools/index.js';
import { TaskSubscriptions } from './task-subscriptions.js';

const KEEP_ALIVE_MS = 15_000;
const MAX_SUBSCRIPTIONS = 10_000;
const EVENT_STREAM = 'text/event-stream';
/** Key in the authorization info under which the server factory finds the request. */
const REQUEST = 'cyberun:request';

interface SdkRequest {
  readonly rawRequest: McpHttpRequest;
  readonly response: ServerResponse;
  readonly body: unknown;
  /** Aborted when the client has closed the response. */
  readonly gone: AbortController;
  /** The existing result that only the SDK can send. */
  readonly first?: object | undefined;
  readonly operation: Operation | undefined;
}

type Served = Pick<SdkRequest, 'rawRequest' | 'first' | 'operation'> & {
  /** Aborted when the handler should stop and respond. */
  readonly stop: AbortSignal;
};

/** The SDK's own handler for 2026-07-28 and later; its requests are tracked among the open ones. */
@Injectable()
export class SdkHandler {
  private readonly logger = new Logger(SdkHandler.name);
  /** Two, because ending subscriptions must not end calls. */
  private readonly calls: McpHttpHandler;
  /** The request whose subscription is being opened. */
  private readonly subscriber = new AsyncLocalStorage<McpHttpRequest>();
  private readonly subscriptions: McpHttpHandler;

  @Inject(TaskSubscriptions) private readonly tasks!: TaskSubscriptions;

  constructor(
    private readonly servers: SdkServers,
    private readonly events: ReplicatedEventBus,
    private readonly inFlight: InFlightRequests,
    private readonly sources: ToolSources,
  ) {
    this.calls = this.handler(events);
    this.subscriptions = this.handler({
      publish: (event) => events.publish(event),
      subscribe: (listener) => this.listen(listener),
    });
    inFlight.beforeDrain(() => void this.subscriptions.close());
  }

  /**
   * Passes a request to the SDK; `first` is its result if only the SDK can send it.
   *
   * @throws {JsonRpcHttpError} 429 or 503 when a limit is exceeded.
   */
  async serve(
    rawRequest: McpHttpRequest,
    response: ServerResponse,
    body: unknown,
    { first, operation }: Pick<SdkRequest, 'first' | 'operation'>,
  ): Promise<void> {
    const isListening = isRecord(body) && body['method'] === 'subscriptions/listen';
    if (!first)
      this.inFlight.requireCapacity(rawRequest.auth.owner, idOf(body), isListening ? 'streams' : 'calls');
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const request = { rawRequest, response, body, gone, first, operation };
    if (isListening) await this.subscribe(request);
    else await this.answer(request);
  }

  listChanged(kind: 'tools' | 'resources' | 'prompts'): void {
    const { notify } = this.calls;
    if (kind === 'tools') notify.toolsChanged();
    else if (kind === 'resources') notify.resourcesChanged();
    else notify.promptsChanged();
  }

  async close(): Promise<void> {
    await Promise.all([this.subscriptions.close(), this.calls.close()]);
  }

  private async subscribe(request: SdkRequest): Promise<void> {
    const { rawRequest, response, body, gone } = request;
    const { owner, expiresAt } = rawRequest.auth;
    const open = { owner, end: (): void => gone.abort() };
    if (!this.tasks.isWantedBy(body)) {
      this.inFlight.open(open, expiresAt);
      const forwarded = this.subscriber.run(rawRequest, () =>
        forward(this.subscriptions, request, gone.signal),
      );
      await forwarded.finally(() => this.inFlight.closed(open));
      return;
    }
    const answer = await this.subscriber.run(rawRequest, () =>
      fetched(this.subscriptions, request, gone.signal),
    );
    if (answer.headers.get('content-type') !== EVENT_STREAM) await writeWebResponse(answer, response);
    else await this.tasks.serve({ rawRequest, response, body, gone }, answer);
  }

  private async answer(request: SdkRequest): Promise<void> {
    const { rawRequest, response, body } = request;
    const stop = new AbortController();
    const call: OpenCall = {
      owner: rawRequest.auth.owner,
      abort: (reason) => stop.abort(new Error(reason)),
      interrupt: () => sendJsonRpcError(interrupted(body), response),
    };
    this.inFlight.enter(call);
    await forward(this.calls, request, stop.signal).finally(() => this.inFlight.leave(call));
  }

  /** Events for everybody, and changes of the tools of the subscriber's key. */
  private listen(listener: (event: ServerEvent) => void): () => void {
    const ends = [this.events.subscribe(listener)];
    const viewer = this.subscriber.getStore();
    if (viewer) ends.push(this.sources.watch(viewer, () => listener({ kind: 'tools_list_changed' })));
    return () => {
      for (const end of ends) end();
    };
  }

  private handler(bus: ServerEventBus): McpHttpHandler {
    return createMcpHandler((context) => this.serverFor(context), {
      legacy: 'reject',
      bus,
      keepAliveMs: KEEP_ALIVE_MS,
      maxSubscriptions: MAX_SUBSCRIPTIONS,
      onerror: ({ message }) => this.logger.debug(message),
    });
  }

  private serverFor({ authInfo }: McpRequestContext): Server {
    const served = authInfo?.extra?.[REQUEST] as Served | undefined;
    if (!served) throw new Error('a request reached the SDK without its authorization info');
    const { rawRequest, stop, first, operation } = served;
    const server = this.servers.create();
    const session = { transport: 'streamable-http', stateless: true, era: 'modern' } as const;
    const origin = { rawRequest, session, call: { signal: stop }, server: () => server, operation };
    this.servers.bind(server, origin, first);
    return server.server as unknown as Server;
  }
}

async function forward(handler: McpHttpHandler, request: SdkRequest, stop: AbortSignal): Promise<void> {
  const answer = await fetched(handler, request, stop);
  const { response, operation } = request;
  const code = operation && (await errorCodeOf(answer));
  if (code !== undefined) operation?.failed(code);
  await writeWebResponse(answer, response);
}

function fetched(
  handler: McpHttpHandler,
  { rawRequest, body, gone, first, operation }: SdkRequest,
  stop: AbortSignal,
): Promise<Response> {
  const extra = { [REQUEST]: { rawRequest, stop, first, operation } satisfies Served };
  return handler.fetch(toWebRequest(rawRequest, gone.signal), {
    parsedBody: body,
    authInfo: { ...rawRequest.auth, extra },
  });
}

/** Code of the JSON-RPC error that a response of the SDK holds; its body can be read again. */
async function errorCodeOf(answer: Response): Promise<number | undefined> {
  if (answer.headers.get('content-type') === EVENT_STREAM) return undefined;
  const body: unknown = await answer
    .clone()
    .json()
    .catch(() => undefined);
  const error = isRecord(body) ? body['error'] : undefined;
  return isRecord(error) && typeof error['code'] === 'number' ? error['code'] : undefined;
}

/** The request in the form of the SDK, which gets the parsed body separately. */
function toWebRequest(request: McpHttpRequest, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !name.startsWith(':')) headers.set(name, String(value));
  }
  return new Request('http://localhost/', { method: request.method ?? 'POST', headers, signal });
}

/** Writes a response of the SDK, with backpressure. */
async function writeWebResponse(answer: Response, response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  if (response.headersSent) {
    // Already a stream: the tool reported progress before it returned what only the SDK can send.
    response.end(`event: message\ndata: ${await answer.text()}\n\n`);
    return;
  }
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.headers.get('content-type') === EVENT_STREAM) response.flushHeaders();
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  for await (const chunk of answer.body ?? []) {
    if (response.destroyed) break;
    if (!response.write(chunk)) await once(response, 'drain', closed).catch(() => undefined);
  }
  response.end();
}

/** The response at shutdown in place of the SDK's; an open stream just ends. */
const interrupted = (body: unknown): JsonRpcHttpError =>
  new JsonRpcHttpError(503, CODE.serverError, INTERRUPTED, { id: idOf(body) });

export const idOf = (body: unknown): RequestId | null =>
  isRecord(body) && isRequestId(body['id']) ? body['id'] : null;
