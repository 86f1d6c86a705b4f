import type { ServerResponse } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ProtocolError, ProtocolErrorCode, SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';

import type { McpHttpRequest } from '../auth/index.js';
import {
  type Accepted,
  ALREADY_ANSWERED,
  Call,
  EncodedResult,
  InFlightRequests,
  Reply,
} from '../calls/index.js';
import {
  CODE,
  errorMessage,
  isPlainMessage,
  isRequest,
  type RequestMessage,
  resultMessage,
  SERVER_INFO,
  type ServerInfo,
  STATELESS_REVISION,
} from '../protocol/index.js';
import { OtherRequests } from '../resources/index.js';
import {
  encodeResult,
  fastContext,
  type McpServer,
  SdkServers,
  ToolRunner,
  Toolsets,
  ToolSources,
} from '../tools/index.js';
import { FastPath } from './fast-path.js';
import { idOf, SdkHandler } from './sdk-handler.js';

/** Methods whose results say how long a client may cache them; the lists of tools are encoded once. */
const CACHEABLE: ReadonlySet<string> = new Set([
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/templates/list',
]);

/** A result of any method. */
interface Result {
  readonly resultType?: unknown;
  readonly _meta?: object | undefined;
}

const SESSION = { transport: 'streamable-http', stateless: true, era: 'modern' } as const;

/** Results of this revision, with their type and the server's identity. */
@Injectable()
export class StatelessResults {
  private readonly identity: object;
  /** The members at the end of every result, as text. */
  private readonly tail: string;

  constructor(
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
    private readonly servers: SdkServers,
    private readonly sources: ToolSources,
  ) {
    this.identity = { [SERVER_INFO_META_KEY]: info.implementation };
    this.tail = JSON.stringify({ resultType: 'complete', _meta: this.identity }).slice(1);
  }

  /** The result of server/discover. */
  discovery(): string {
    return JSON.stringify({
      supportedVersions: [STATELESS_REVISION],
      capabilities: this.servers.capabilities,
      instructions: this.info.instructions,
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: this.identity,
    });
  }

  /** The result of tools/list. */
  toolList(request: McpHttpRequest): EncodedResult | Promise<EncodedResult> {
    return this.sources.encodedList('stateless', request);
  }

  /** The result of a method. */
  of(method: string, result: Result): string {
    const { resultType = 'complete', _meta } = result;
    const isCacheable = CACHEABLE.has(method);
    if (_meta !== undefined || 'resultType' in result || isCacheable) {
      const cache = isCacheable && { ttlMs: 0, cacheScope: 'private' };
      return JSON.stringify({ ...cache, ...result, resultType, _meta: { ...this.identity, ..._meta } });
    }
    return `${encodeResult(result).slice(0, -1)},${this.tail}`;
  }
}

/** Runs requests that need nothing of the SDK. */
@Injectable()
export class StatelessRunner {
  constructor(
    private readonly tools: ToolRunner,
    private readonly others: OtherRequests,
    private readonly servers: SdkServers,
  ) {}

  /** @throws {ProtocolError} when it fails in another way than by a result of a tool. */
  async run(rawRequest: McpHttpRequest, message: RequestMessage, call: Call): Promise<Result> {
    let made: McpServer | undefined;
    const server = (): McpServer => (made ??= this.servers.create());
    const sdk = fastContext(call, message, server);
    const origin = { rawRequest, session: SESSION, server, signal: call.signal };
    if (message.method !== 'tools/call') return await this.others.run(message, sdk, origin);
    const found = this.tools.find(String(message.params?.['name']), rawRequest);
    const tool = found instanceof Promise ? await found : found;
    if (tool.streaming) call.reply.openStream();
    return await this.tools.run(tool, message as never, sdk, origin);
  }
}

/** Answers tools/call, and requests for resources, prompts and completions. */
@Injectable()
export class StatelessCalls {
  private readonly logger = new Logger(StatelessCalls.name);

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
  ): Promise<object | undefined> {
    const { keyHash } = request.auth;
    this.inFlight.requireCapacity(keyHash, message.id);
    const reply = new Reply(response);
    const call = new Call(message.id, keyHash, reply, (done) => this.inFlight.leave(done));
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

/** The stateless revision, 2026-07-28: every POST is independent. */
@Injectable()
export class StatelessEndpoint {
  @Inject(Toolsets) private readonly toolsets!: Toolsets;

  constructor(
    private readonly fastPath: FastPath,
    private readonly results: StatelessResults,
    private readonly calls: StatelessCalls,
    private readonly sdk: SdkHandler,
  ) {}

  /** @throws {JsonRpcHttpError} 400 for a toolset that is not allowed; 429 or 503 when a limit is exceeded. */
  async post(request: McpHttpRequest, response: ServerResponse, body: unknown): Promise<Accepted> {
    const toolsets = this.toolsets.chosenBy(request, idOf(body));
    if (toolsets !== '') request.toolsets = toolsets;
    if (!this.fastPath.include(request.headers, body)) {
      await this.answerOther(request, response, body);
    } else if (body.method === 'server/discover') {
      new Reply(response).answer(resultMessage(body.id, this.results.discovery()));
    } else if (body.method === 'tools/list') {
      await this.listTools(request, response, body);
    } else {
      const result = await this.calls.answer(request, response, body);
      if (result) await this.sdk.serve(request, response, body, result);
    }
    return ALREADY_ANSWERED;
  }

  private async listTools(
    request: McpHttpRequest,
    response: ServerResponse,
    { id }: RequestMessage,
  ): Promise<void> {
    try {
      const list = this.results.toolList(request);
      new Reply(response).answer((list instanceof EncodedResult ? list : await list).answer(id));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { code, message, data } = error;
      new Reply(response).answer(errorMessage(id, { code, message, data }));
    }
  }

  private async answerOther(request: McpHttpRequest, response: ServerResponse, body: unknown): Promise<void> {
    const message = isPlainMessage(body) && isRequest(body) ? body : undefined;
    const fault = message && this.fastPath.paramsErrorOf(request.headers, message);
    if (message === undefined || fault === undefined) await this.sdk.serve(request, response, body);
    else new Reply(response).answer(errorMessage(message.id, { code: CODE.invalidParams, message: fault }));
  }
}
