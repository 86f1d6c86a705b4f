import { type CallToolResult, isSpecType, ProtocolError } from '@modelcontextprotocol/server';
import { Injectable, Logger } from '@nestjs/common';

import type { McpHttpRequest } from '../auth/index.js';
import { type Call, EncodedResult } from '../calls/index.js';
import {
  CODE,
  invalidParams,
  isPlainList,
  JsonRpcHttpError,
  plainCallOf,
  type RequestMessage,
  resultMessage,
} from '../protocol/index.js';
import { OtherRequests } from '../resources/index.js';
import {
  type CallOrigin,
  encodeResult,
  fastContext,
  isStreamed,
  type McpServer,
  type RegisteredTool,
  SdkServers,
  type SessionInfo,
  ToolRunner,
} from '../tools/index.js';
import { type LiveSession, LiveSessions } from './live-sessions.js';

/** One request of a session, with its call. */
interface PendingRequest {
  readonly session: LiveSession;
  readonly message: RequestMessage;
  readonly call: Call;
  readonly rawRequest: McpHttpRequest;
}

/** Answers the requests of sessions: frequent and plain ones directly, the rest through the session's SDK server. */
@Injectable()
export class RequestDispatcher {
  private readonly logger = new Logger(RequestDispatcher.name);

  constructor(
    private readonly tools: ToolRunner,
    private readonly others: OtherRequests,
    private readonly servers: SdkServers,
    private readonly live: LiveSessions,
  ) {}

  /** Never rejects. */
  async answer(request: PendingRequest): Promise<void> {
    const { call, message } = request;
    try {
      const result = await this.dispatch(request);
      const sending = result && this.send(request, result);
      if (sending) await sending;
    } catch (error) {
      if (error instanceof ProtocolError) {
        call.fail(error);
        return;
      }
      if (error instanceof JsonRpcHttpError) {
        call.fail(error, error.status);
        return;
      }
      this.logger.error({ message: 'a request could not be answered', method: message.method, error });
      call.fail({ code: CODE.internalError, message: 'Internal server error' });
    }
  }

  /**
   * The result to answer with; `undefined` when the request is answered otherwise. Not async, because each asynchronous
   * function costs every call a promise and a turn.
   */
  private dispatch(request: PendingRequest): Promise<object | undefined> | undefined {
    const { message, call } = request;
    const { id, method } = message;
    if (method === 'tools/call' && plainCallOf(message) && !this.servers.capabilities.logging)
      return this.callTool(request);
    if (method === 'tools/list' && isPlainList(message)) return this.list(request);
    if (method !== 'ping') return this.dispatchOther(request);
    call.answer(resultMessage(id, '{}'));
    return undefined;
  }

  private async list({ message, call, rawRequest }: PendingRequest): Promise<undefined> {
    const list = this.tools.encodedList('sessions', rawRequest);
    call.answer((list instanceof EncodedResult ? list : await list).answer(message.id));
  }

  private async dispatchOther(request: PendingRequest): Promise<object | undefined> {
    const { message, call } = request;
    const fault = invalidParams(message, this.servers.capabilities);
    if (fault !== undefined) call.fail({ code: CODE.invalidParams, message: fault });
    else if (!this.others.serves(message) || this.servers.capabilities.logging)
      await this.throughSdk(request);
    else return await this.runOther(request);
    return undefined;
  }

  /** Only the SDK can send a result that asks for input. */
  private send(request: PendingRequest, result: object): Promise<void> | undefined {
    const { call, message } = request;
    if ('resultType' in result && result.resultType === 'input_required')
      return this.throughSdk(request, result);
    call.answer(resultMessage(message.id, encodeResult(result)));
    return undefined;
  }

  private callTool(request: PendingRequest): Promise<CallToolResult> {
    const found = this.tools.find(String(request.message.params?.['name']), request.rawRequest);
    return found instanceof Promise
      ? found.then((tool) => this.runTool(tool, request))
      : this.runTool(found, request);
  }

  private runTool(tool: RegisteredTool, request: PendingRequest): Promise<CallToolResult> {
    const { session, call, message } = request;
    if (isStreamed(tool, message.params)) call.openStream();
    const origin = this.originOf(request);
    const run = (): Promise<CallToolResult> =>
      this.tools.run(tool, message as never, fastContext(call, message, origin.server), origin);
    // A third-party tool may send a request to the client at once; the SDK must be initialized by then.
    const needsSdk = !tool.input?.isAdvertisedOnly && session.record.supportsServerRequests;
    return needsSdk ? this.live.transportOf(session).ready.then(run) : run();
  }

  private runOther(request: PendingRequest): Promise<object> {
    const { call, message } = request;
    const origin = this.originOf(request);
    return this.others.run(message, fastContext(call, message, origin.server), origin);
  }

  private async throughSdk(request: PendingRequest, first?: object): Promise<void> {
    const { session, message, rawRequest, call } = request;
    if (isSpecType.SetLevelRequest(message)) await this.live.setLogLevel(session, message.params.level);
    const transport = this.live.transportOf(session);
    await transport.ready;
    // The SDK looks its handlers up as soon as it gets the message, so the next request may bind others.
    this.servers.bind(transport.server, this.originOf(request), first);
    const closeSSEStream = (): void => call.reply.pause();
    transport.ask(message, call, { authInfo: rawRequest.auth, closeSSEStream });
  }

  private originOf({ session, call, rawRequest }: PendingRequest): CallOrigin {
    const info: SessionInfo = {
      transport: 'streamable-http',
      stateless: false,
      era: 'legacy',
      sessionId: session.record.id,
      initializeParams: session.record.initializeParams,
    };
    const server = (): McpServer => this.live.transportOf(session).server;
    return { rawRequest, session: info, server, call, operation: call.operation };
  }
}
