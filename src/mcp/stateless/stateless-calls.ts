import { Injectable, Logger } from '@nestjs/common';
import { type CallToolResult, ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { Call, InFlightRequests, Reply } from '../calls/index.js';
import { CODE, errorMessage, type RequestMessage, resultMessage } from '../protocol/index.js';
import { fastContext, type McpServer, SdkServers, ToolRunner } from '../tools/index.js';
import { StatelessResults } from './stateless-results.js';

const SESSION = { transport: 'streamable-http', stateless: true, era: 'modern' } as const;

/** Answers tools/call of 2026-07-28. */
@Injectable()
export class StatelessCalls {
  private readonly logger = new Logger(StatelessCalls.name);

  constructor(
    private readonly tools: ToolRunner,
    private readonly results: StatelessResults,
    private readonly servers: SdkServers,
    private readonly inFlight: InFlightRequests,
  ) {}

  /**
   * Answers a call, or returns the result of the tool if only the SDK can send it.
   *
   * @throws {JsonRpcHttpError} 429 or 503 when a limit is exceeded.
   */
  async answer(
    request: McpHttpRequest,
    response: ServerResponse,
    message: RequestMessage,
  ): Promise<CallToolResult | undefined> {
    const { keyHash } = request.auth;
    this.inFlight.requireCapacity(keyHash, message.id);
    const reply = new Reply(response);
    const call = new Call(message.id, keyHash, reply, (done) => this.inFlight.leave(done));
    this.inFlight.enter(call);
    // In this revision, closing the response is how a client cancels.
    reply.onLost(() => call.cancel('the client closed the response'));
    try {
      const result = await this.run(request, message, call);
      if (result['resultType'] === 'input_required') return result;
      call.answer(resultMessage(message.id, this.results.ofCall(result)));
    } catch (error) {
      this.fail(call, error);
    } finally {
      this.inFlight.leave(call);
    }
    return undefined;
  }

  private async run(
    rawRequest: McpHttpRequest,
    message: RequestMessage,
    call: Call,
  ): Promise<CallToolResult> {
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
      call.answer(errorMessage(call.id, { code, message, data }), statusOf(code));
      return;
    }
    this.logger.error({ message: 'a call could not be answered', error });
    call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
  }
}

const NEEDS_CAPABILITY: number = ProtocolErrorCode.MissingRequiredClientCapability;

/** The only error of a tool that has an HTTP status. */
const statusOf = (code: number): number => (code === NEEDS_CAPABILITY ? 400 : 200);
