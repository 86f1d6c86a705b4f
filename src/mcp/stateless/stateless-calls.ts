import type { ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';

import type { McpHttpRequest } from '../auth/index.js';
import { Call, InFlightRequests, type Operation, Reply } from '../calls/index.js';
import {
  CODE,
  declaresTasks,
  isTaskMethod,
  JsonRpcHttpError,
  type RequestMessage,
  resultMessage,
} from '../protocol/index.js';
import { OtherRequests } from '../resources/index.js';
import {
  fastContext,
  isStreamed,
  type McpServer,
  type RegisteredTool,
  SdkServers,
  ToolRunner,
} from '../tools/index.js';
import { type Result, StatelessResults } from './stateless-results.js';
import { capabilitiesIn, TaskRequests } from './task-requests.js';

/** A handle is there by then; for a tool that still works, the answer becomes a stream like any other's. */
const HANDLE_WITHIN_MS = 5000;
const SESSION = { transport: 'streamable-http', stateless: true, era: 'modern' } as const;

/** Runs requests that need nothing of the SDK. */
@Injectable()
export class StatelessRunner {
  constructor(
    private readonly tools: ToolRunner,
    private readonly others: OtherRequests,
    private readonly servers: SdkServers,
    private readonly tasks: TaskRequests,
  ) {}

  /** @throws {ProtocolError} when it fails in another way than by a result of a tool. */
  async run(rawRequest: McpHttpRequest, message: RequestMessage, call: Call): Promise<Result> {
    const { method, params } = message;
    if (isTaskMethod(method))
      return await this.tasks.answer(method, {
        params,
        rawRequest,
        signal: call.signal,
        operation: call.operation,
      });
    let made: McpServer | undefined;
    const server = (): McpServer => (made ??= this.servers.create());
    const sdk = fastContext(call, message, server);
    const { operation } = call;
    const origin = { rawRequest, session: SESSION, server, call, operation };
    if (method !== 'tools/call') return await this.others.run(message, sdk, origin);
    const found = this.tools.find(String(params?.['name']), rawRequest);
    const tool = found instanceof Promise ? await found : found;
    if (!isTaskLikely(tool, message)) {
      if (isStreamed(tool, params)) call.openStream();
      return await this.tools.run(tool, message as never, sdk, origin);
    }
    const openIfLong = (): void => {
      // Nothing handles an error of a timer, so it stays counted as a call.
      if (isStreamed(tool, params)) call.reply.openStream();
    };
    const late = setTimeout(openIfLong, HANDLE_WITHIN_MS).unref();
    return await this.tools.run(tool, message as never, sdk, origin).finally(() => clearTimeout(late));
  }
}

/** Answers tools/call, and requests for tasks, resources, prompts and completions. */
@Injectable()
export class StatelessCalls {
  private readonly logger = new Logger(StatelessCalls.name);
  private readonly beginStream = (call: Call): void => this.inFlight.beginStream(call);

  constructor(
    private readonly runner: StatelessRunner,
    private readonly results: StatelessResults,
    private readonly inFlight: InFlightRequests,
  ) {}

  /**
   * Answers a call, or returns its result if only the SDK can send it.
   *
   * @throws {JsonRpcHttpError} 429 or 503 when a limit is exceeded.
   */
  async answer(
    request: McpHttpRequest,
    response: ServerResponse,
    message: RequestMessage,
    operation?: Operation,
  ): Promise<object | undefined> {
    const { owner } = request.auth;
    this.inFlight.requireCapacity(owner, message.id);
    const reply = new Reply(response);
    const call = new Call(message.id, owner, reply, (done) => this.inFlight.leave(done));
    call.operation = operation;
    call.beforeStream = this.beginStream;
    this.inFlight.enter(call);
    // In this revision, closing the response is how a client cancels.
    reply.onLost(() => call.cancel('the client closed the response'));
    try {
      const result = await this.runner.run(request, message, call);
      if (result.resultType === 'input_required') return result;
      call.answer(resultMessage(message.id, this.results.of(message.method, result)));
    } catch (error) {
      this.fail(call, error);
    } finally {
      this.inFlight.leave(call);
    }
    return undefined;
  }

  private fail(call: Call, error: unknown): void {
    if (error instanceof ProtocolError) {
      call.fail(error, httpStatusOf(error.code));
      return;
    }
    if (error instanceof JsonRpcHttpError) {
      call.fail(error, error.status);
      return;
    }
    this.logger.error({ message: 'a call could not be answered', error });
    call.fail({ code: CODE.internalError, message: 'Internal server error' });
  }
}

/** Whether the tool may answer with a handle, which needs no stream. */
const isTaskLikely = ({ tasks }: RegisteredTool, { params }: RequestMessage): boolean =>
  tasks !== undefined && declaresTasks(capabilitiesIn(params));

const NEEDS_CAPABILITY: number = ProtocolErrorCode.MissingRequiredClientCapability;

/** The only error of a call that has an HTTP status. */
export const httpStatusOf = (code: number): number => (code === NEEDS_CAPABILITY ? 400 : 200);
