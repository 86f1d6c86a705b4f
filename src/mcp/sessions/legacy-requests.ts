import { Injectable } from '@nestjs/common';
import { type CallToolResult, isSpecType, ProtocolError } from '@modelcontextprotocol/server';
import type { McpSessionInfo } from '@rekog/mcp-nest';

import type { KeyedRequest } from '../auth/index.js';
import type { Call } from '../calls/index.js';
import {
  CODE,
  errorMessage,
  invalidParams,
  isPlainList,
  plainCallIn,
  type RequestMessage,
  resultMessage,
} from '../protocol/index.js';
import {
  type CallOrigin,
  fastContext,
  type McpServer,
  type RegisteredTool,
  SdkServers,
  ToolCalls,
  ToolCatalog,
  userOf,
} from '../tools/index.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';

/** One request of a session, and the way to answer it. */
export interface Asked {
  readonly session: LiveSession;
  readonly message: RequestMessage;
  readonly call: Call;
  readonly rawRequest: KeyedRequest;
}

/** Answers the requests of 2025-era sessions: what is hot and plain by hand, the rest through the session's SDK server. */
@Injectable()
export class LegacyRequests {
  constructor(
    private readonly catalog: ToolCatalog,
    private readonly tools: ToolCalls,
    private readonly servers: SdkServers,
    private readonly live: LiveSessions,
  ) {}

  async answer(asked: Asked): Promise<void> {
    const { message, call, rawRequest } = asked;
    const { id, method } = message;
    if (method === 'ping') {
      call.answer(resultMessage(id, '{}'));
    } else if (method === 'tools/list' && isPlainList(message)) {
      call.answer(this.catalog.encodedList('legacy', userOf(rawRequest)).answer(id));
    } else if (method === 'tools/call' && plainCallIn(message) && !this.servers.capabilities.logging) {
      await this.callTool(asked);
    } else {
      await this.answerRare(asked);
    }
  }

  private async answerRare(asked: Asked): Promise<void> {
    const { message, call } = asked;
    const fault = invalidParams(message, this.servers.capabilities);
    if (fault === undefined) await this.throughSdk(asked);
    else call.answer(errorMessage(message.id, { code: CODE.invalidParams, message: fault }));
  }

  private async callTool(asked: Asked): Promise<void> {
    const { session, call, message } = asked;
    try {
      const tool = this.tools.find(String(message.params?.['name']));
      if (tool.isStreaming) call.reply.openStream();
      // A stranger's tool may ask the client something in its first line, and then the SDK must know the client.
      if (!tool.input?.isAdvertisedOnly && session.record.canBeAsked) await this.live.linkOf(session).ready;
      const result = await this.run(tool, asked);
      if (result['resultType'] === 'input_required') await this.throughSdk(asked, result);
      else call.answer(resultMessage(message.id, JSON.stringify(result)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code, data, message: text } = error;
      call.answer(errorMessage(message.id, { code, message: text, data }));
    }
  }

  private run(tool: RegisteredTool, asked: Asked): Promise<CallToolResult> {
    const { message, call } = asked;
    const origin = this.originOf(asked);
    return this.tools.run(tool, message as never, fastContext(call, message, origin.server), origin);
  }

  private async throughSdk(asked: Asked, first?: CallToolResult): Promise<void> {
    const { session, message, rawRequest, call } = asked;
    if (isSpecType.SetLevelRequest(message)) await this.live.setLogLevel(session, message.params.level);
    const link = this.live.linkOf(session);
    await link.ready;
    const origin = this.originOf(asked);
    // The SDK reads its handlers as soon as it gets the message, so that the next request may bind others.
    this.servers.bind(link.server, origin.session, rawRequest, this.tools.throughSdk(origin, first));
    const closeSSEStream = (): void => call.reply.pause();
    link.ask(message, call, { authInfo: rawRequest.auth, closeSSEStream });
  }

  private originOf({ session, call, rawRequest }: Asked): CallOrigin {
    const info: McpSessionInfo = {
      transport: 'streamable-http',
      stateless: false,
      era: 'legacy',
      sessionId: session.record.id,
    };
    const server = (): McpServer => this.live.linkOf(session).server;
    return { rawRequest, session: info, server, signal: call.signal };
  }
}
