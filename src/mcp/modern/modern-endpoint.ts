import { Injectable, Logger } from '@nestjs/common';
import { type CallToolResult, PROTOCOL_VERSION_META_KEY, ProtocolError } from '@modelcontextprotocol/server';

import type { McpServer } from '../tools/tool-context.js';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/keyed-request.js';
import { CODE } from '../edge/refusal.js';
import { ToolCatalog } from '../tools/tool-catalog.js';
import { userOf } from '../tools/tool-runner.js';
import { Call } from '../transport/call.js';
import { fastContext } from '../transport/fast-context.js';
import {
  errorMessage,
  isPlainList,
  isPlainMessage,
  isRequest,
  plainCallIn,
  type RequestMessage,
  resultMessage,
} from '../transport/messages.js';
import { Reply } from '../transport/reply.js';
import { SdkServers } from '../transport/sdk-servers.js';
import { ToolCalls } from '../transport/tool-calls.js';
import { Traffic } from '../transport/traffic.js';
import { Envelopes } from './envelopes.js';
import { headerOf, MODERN } from './eras.js';
import { ModernResults } from './modern-results.js';
import { SdkExchanges } from './sdk-exchanges.js';

const SESSION = { transport: 'streamable-http', stateless: true, era: 'modern' } as const;

/** The revision without sessions: every POST stands for itself. */
@Injectable()
export class ModernEndpoint {
  private readonly logger = new Logger(ModernEndpoint.name);
  private readonly envelopes = new Envelopes();

  // One more than usual: the hot path and the SDK's meet here.
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly tools: ToolCalls,
    private readonly results: ModernResults,
    private readonly servers: SdkServers,
    private readonly traffic: Traffic,
    private readonly sdk: SdkExchanges,
  ) {}

  async post(request: KeyedRequest, response: ServerResponse, body: unknown): Promise<void> {
    if (!this.isHot(request.headers, body)) {
      await this.sdk.serve(request, response, body);
    } else if (body.method === 'server/discover') {
      new Reply(response).answer(resultMessage(body.id, this.results.discovery()));
    } else if (body.method === 'tools/list') {
      const list = this.catalog.listAsJson('modern', userOf(request));
      new Reply(response).answer(resultMessage(body.id, list));
    } else {
      await this.call(request, response, body);
    }
  }

  /** Whether a request is plain and in order, so that it needs none of the SDK's checks. */
  private isHot(headers: IncomingHttpHeaders, body: unknown): body is RequestMessage {
    if (!isPlainMessage(body) || !isRequest(body)) return false;
    const meta = body.params?._meta;
    return (
      meta?.[PROTOCOL_VERSION_META_KEY] === MODERN &&
      headerOf(headers, 'mcp-protocol-version') === MODERN &&
      headerOf(headers, 'mcp-method') === body.method &&
      this.isPlain(headers, body) &&
      this.envelopes.isValid(body, meta)
    );
  }

  private isPlain(headers: IncomingHttpHeaders, message: RequestMessage): boolean {
    switch (message.method) {
      case 'server/discover':
        return true;
      case 'tools/list':
        return isPlainList(message);
      case 'tools/call': {
        const name = plainCallIn(message)?.name;
        return (
          name !== undefined && headerOf(headers, 'mcp-name') === name && !this.servers.capabilities.logging
        );
      }
      default:
        return false;
    }
  }

  private async call(
    request: KeyedRequest,
    response: ServerResponse,
    message: RequestMessage,
  ): Promise<void> {
    const reply = new Reply(response);
    const call = new Call(message.id, reply, (done) => this.traffic.leave(done));
    this.traffic.enter(call);
    // In this revision, closing the response is how a client cancels.
    reply.onLost(() => call.cancel('the client closed the response'));
    try {
      const result = await this.run(request, message, call);
      if (result['resultType'] !== 'input_required') {
        call.answer(resultMessage(message.id, this.results.ofCall(result)));
        return;
      }
      await this.sdk.serve(request, response, message, result);
    } catch (error) {
      this.fail(call, error);
    } finally {
      this.traffic.leave(call);
    }
  }

  private async run(rawRequest: KeyedRequest, message: RequestMessage, call: Call): Promise<CallToolResult> {
    const tool = this.tools.find(String(message.params?.['name']));
    if (tool.isStreaming) call.reply.openStream();
    let made: McpServer | undefined;
    const server = (): McpServer => (made ??= this.servers.create());
    const sdk = fastContext(call, message, server);
    const origin = { rawRequest, session: SESSION, server, signal: call.signal };
    return await this.tools.run(tool, message as never, sdk, origin);
  }

  private fail(call: Call, error: unknown): void {
    if (error instanceof ProtocolError) {
      const { code, message, data } = error;
      call.answer(errorMessage(call.id, { code, message, data }));
      return;
    }
    this.logger.error({ message: 'a request could not be answered', error });
    call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
  }
}
