import { Injectable } from '@nestjs/common';
import { type CallToolResult, isSpecType, ProtocolError } from '@modelcontextprotocol/server';
import type { McpSessionInfo } from '@rekog/mcp-nest';

import type { McpHttpRequest } from '../auth/index.js';
import type { Call } from '../calls/index.js';
import {
  CODE,
  errorMessage,
  invalidParams,
  isPlainList,
  plainCallOf,
  type RequestMessage,
  resultMessage,
} from '../protocol/index.js';
import {
  type CallOrigin,
  fastContext,
  type McpServer,
  type RegisteredTool,
  SdkServers,
  ToolRegistry,
  ToolRunner,
  userOf,
} from '../tools/index.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';

/** One request of a session, with its call. */
export interface PendingRequest {
  readonly session: LiveSession;
  readonly message: RequestMessage;
  readonly call: Call;
  readonly rawRequest: McpHttpRequest;
}

/** Answers the requests of sessions: frequent and plain ones directly, the rest through the session's SDK server. */
@Injectable()
export class RequestDispatcher {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly tools: ToolRunner,
    private readonly servers: SdkServers,
    private readonly live: LiveSessions,
  ) {}

  async answer(request: PendingRequest): Promise<void> {
    const { message, call, rawRequest } = request;
    const { id, method } = message;
    if (method === 'ping') {
      call.answer(resultMessage(id, '{}'));
    } else if (method === 'tools/list' && isPlainList(message)) {
      call.answer(this.registry.encodedList('sessions', userOf(rawRequest)).answer(id));
    } else if (method === 'tools/call' && plainCallOf(message) && !this.servers.capabilities.logging) {
      await this.callTool(request);
    } else {
      await this.answerOther(request);
    }
  }

  private async answerOther(request: PendingRequest): Promise<void> {
    const { message, call } = request;
    const fault = invalidParams(message, this.servers.capabilities);
    if (fault === undefined) await this.throughSdk(request);
    else call.answer(errorMessage(message.id, { code: CODE.invalidParams, message: fault }));
  }

  private async callTool(request: PendingRequest): Promise<void> {
    const { session, call, message } = request;
    try {
      const tool = this.tools.find(String(message.params?.['name']));
      if (tool.isStreaming) call.reply.openStream();
      // A third-party tool may send a request to the client at once; the SDK must be initialized by then.
      if (!tool.input?.isAdvertisedOnly && session.record.supportsServerRequests)
        await this.live.transportOf(session).ready;
      const result = await this.run(tool, request);
      if (result['resultType'] === 'input_required') await this.throughSdk(request, result);
      else call.answer(resultMessage(message.id, JSON.stringify(result)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code, data, message: text } = error;
      call.answer(errorMessage(message.id, { code, message: text, data }));
    }
  }

  private run(tool: RegisteredTool, request: PendingRequest): Promise<CallToolResult> {
    const { message, call } = request;
    const origin = this.originOf(request);
    return this.tools.run(tool, message as never, fastContext(call, message, origin.server), origin);
  }

  private async throughSdk(request: PendingRequest, first?: CallToolResult): Promise<void> {
    const { session, message, rawRequest, call } = request;
    if (isSpecType.SetLevelRequest(message)) await this.live.setLogLevel(session, message.params.level);
    const transport = this.live.transportOf(session);
    await transport.ready;
    const origin = this.originOf(request);
    // The SDK looks its handlers up as soon as it gets the message, so the next request may bind others.
    this.servers.bind(transport.server, origin.session, rawRequest, this.tools.throughSdk(origin, first));
    const closeSSEStream = (): void => call.reply.pause();
    transport.ask(message, call, { authInfo: rawRequest.auth, closeSSEStream });
  }

  private originOf({ session, call, rawRequest }: PendingRequest): CallOrigin {
    const info: McpSessionInfo = {
      transport: 'streamable-http',
      stateless: false,
      era: 'legacy',
      sessionId: session.record.id,
    };
    const server = (): McpServer => this.live.transportOf(session).server;
    return { rawRequest, session: info, server, signal: call.signal };
  }
}
