import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import {
  type InitializeRequest,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { RateLimits } from '../../http/index.js';
import { type McpHttpRequest, requireWithinRate } from '../auth/index.js';
import { type Accepted, ALREADY_ANSWERED, Operations, Reply } from '../calls/index.js';
import { requireStreamAccepted } from '../http/index.js';
import {
  canAnswerRequests,
  CODE,
  invalidParams,
  isPlainMessage,
  isRecord,
  isRequestId,
  jsonOf,
  JsonRpcHttpError,
  negotiated,
  resultMessage,
  SERVER_INFO,
  type ServerInfo,
} from '../protocol/index.js';
import { type SessionRecord, SessionStore } from '../storage/index.js';
import { SdkServers, ToolRegistry, Toolsets, type Viewer } from '../tools/index.js';
import { GetStreams } from './get-streams.js';
import { SESSION_ID, sessionNotFound } from './live-sessions.js';
import { MessageDispatcher } from './message-dispatcher.js';

const MAX_BATCH = 100;
/** The first revision without batches. */
const NO_BATCHES_SINCE = '2025-06-18';

/** The params of initialize are stored as long as the session. */
const LONGEST_INITIALIZE_PARAMS = 16_384;
/** Retry time for a key at its session limit; idle sessions expire continuously. */
const RETRY_SECONDS = '60';

/** Answers initialize and opens a session. */
@Injectable()
export class InitializeRequests {
  @Inject(Toolsets) private readonly toolsets!: Toolsets;
  @Inject(ToolRegistry) private readonly registry!: ToolRegistry;
  @Inject(Operations) private readonly operations!: Operations;

  constructor(
    private readonly sessions: SessionStore,
    private readonly servers: SdkServers,
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * @throws {JsonRpcHttpError} when initialize is malformed or too large, names a toolset that is not allowed, or the key
   *   is at its session limit.
   */
  async answer(
    request: McpHttpRequest,
    body: Record<string, unknown>,
    response: ServerResponse,
  ): Promise<void> {
    const { id, params } = openingIn(body);
    const toolsets = this.toolsets.chosenBy(request, id);
    const initializeParams = jsonOf(params);
    if (initializeParams === undefined || initializeParams.length > LONGEST_INITIALIZE_PARAMS) {
      const message = `Invalid Request: The params of initialize must not exceed ${LONGEST_INITIALIZE_PARAMS} characters`;
      throw new JsonRpcHttpError(400, CODE.invalidRequest, message, { limit: 'hello_size' });
    }
    const protocolVersion = negotiated(params.protocolVersion);
    const supportsServerRequests = canAnswerRequests(params);
    const { keyHash, owner } = request.auth;
    const session = await this.sessions.open({
      keyHash,
      owner,
      protocolVersion,
      initializeParams,
      supportsServerRequests,
      ...(toolsets !== '' && { toolsets }),
    });
    if (!session) throw this.enough(id);
    const reply = new Reply(response, { headers: { [SESSION_ID]: session.id } });
    reply.answer(resultMessage(id, this.initializeResult(protocolVersion, { auth: request.auth, toolsets })));
    this.operations.begin(request, { method: 'initialize', params }, protocolVersion)?.end();
  }

  private enough(id: RequestId): JsonRpcHttpError {
    const { mcpSessionsPerKey, mcpSessionIdleSeconds } = this.config;
    const message = `Too Many Requests: This key has ${mcpSessionsPerKey} open sessions. End those you do not need with DELETE, or wait: each ends after ${mcpSessionIdleSeconds} seconds without a request or an open stream.`;
    const headers = { 'Retry-After': RETRY_SECONDS };
    return new JsonRpcHttpError(429, CODE.serverError, message, { id, headers, limit: 'sessions_per_key' });
  }

  private initializeResult(protocolVersion: string, viewer: Viewer): string {
    const { implementation: serverInfo } = this.info;
    const { capabilities } = this.servers;
    const instructions = this.registry.instructionsFor(viewer);
    return JSON.stringify({ protocolVersion, capabilities, serverInfo, instructions });
  }
}

/** @throws {JsonRpcHttpError} 400 that names what is missing or wrong. */
function openingIn(body: Record<string, unknown>): Pick<InitializeRequest, 'params'> & { id: RequestId } {
  const { id, params } = body;
  if (!isRequestId(id)) {
    const message = 'Invalid Request: initialize must have an id that is a string or an integer';
    throw new JsonRpcHttpError(400, CODE.invalidRequest, message);
  }
  const fault = invalidParams({ method: 'initialize', params }, {});
  if (fault !== undefined) throw new JsonRpcHttpError(400, CODE.invalidParams, fault, { id });
  messagesIn(body);
  return { id, params: params as InitializeRequest['params'] };
}

/** The revisions with sessions, 2025-11-25 and before, over POST, GET and DELETE. */
@Injectable()
export class SessionsEndpoint {
  @Inject(RateLimits) private readonly rates!: RateLimits;

  constructor(
    private readonly sessions: SessionStore,
    private readonly initializeRequests: InitializeRequests,
    private readonly dispatcher: MessageDispatcher,
    private readonly streams: GetStreams,
  ) {}

  /** @throws {JsonRpcHttpError} */
  post(request: McpHttpRequest, response: ServerResponse, body: unknown): Accepted | Promise<Accepted> {
    if (isInitialize(body)) return this.initialize(request, response, body);
    if (Array.isArray(body)) return this.postBatch(request, response, body);
    return this.postMessages(request, response, messagesIn(body));
  }

  /** Not async, because each asynchronous function costs every call a promise and a turn. */
  private postMessages(
    request: McpHttpRequest,
    response: ServerResponse,
    messages: readonly JSONRPCMessage[],
  ): Accepted | Promise<Accepted> {
    const receive = (record: SessionRecord | undefined): Accepted | Promise<Accepted> => {
      const session = found(record);
      requireKnownVersion(request.headers);
      return this.dispatcher.receive(session, messages, request, response);
    };
    const finding = this.finding(request);
    return finding instanceof Promise ? finding.then(receive) : receive(finding);
  }

  private async postBatch(
    request: McpHttpRequest,
    response: ServerResponse,
    body: readonly unknown[],
  ): Promise<Accepted> {
    await this.admitBatch(request, body);
    return await this.postMessages(request, response, messagesIn(body));
  }

  /** @throws {JsonRpcHttpError} */
  async openStream(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    requireStreamAccepted(request.headers);
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    await this.streams.open(record, request, response);
  }

  /** @throws {JsonRpcHttpError} */
  async end(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    await this.sessions.end(record);
    response.writeHead(200).end();
  }

  /** A client with an unknown session id, or one of another key, gets a new session. */
  private async initialize(
    request: McpHttpRequest,
    response: ServerResponse,
    body: Record<string, unknown>,
  ): Promise<Accepted> {
    const id = sessionIdIn(request);
    if (id !== '' && (await this.sessions.find(id, request.auth))) {
      throw new JsonRpcHttpError(400, CODE.invalidRequest, 'Invalid Request: Server already initialized');
    }
    await this.initializeRequests.answer(request, body, response);
    return ALREADY_ANSWERED;
  }

  /**
   * Each message of a batch counts as a request.
   *
   * @throws {JsonRpcHttpError}
   */
  private async admitBatch(request: McpHttpRequest, body: readonly unknown[]): Promise<void> {
    if (body.some(isInitialize)) {
      throw new JsonRpcHttpError(
        400,
        CODE.invalidRequest,
        'Invalid Request: Send initialize alone, not in a batch',
      );
    }
    requireBatches((await this.sessionOf(request)).protocolVersion);
    requireWithinRate(await this.rates.takeMore(request.auth.owner, Math.min(body.length, MAX_BATCH) - 1));
  }

  private async sessionOf(request: McpHttpRequest): Promise<SessionRecord> {
    return found(await this.finding(request));
  }

  /** @throws {JsonRpcHttpError} 400 without the header. */
  private finding(request: McpHttpRequest): ReturnType<SessionStore['find']> {
    const id = sessionIdIn(request);
    if (id !== '') return this.sessions.find(id, request.auth);
    throw new JsonRpcHttpError(400, CODE.serverError, 'Bad Request: Mcp-Session-Id header is required');
  }
}

/** Empty without the header. */
const sessionIdIn = ({ headers }: McpHttpRequest): string => String(headers[SESSION_ID] ?? '');

/** @throws {JsonRpcHttpError} 404 */
function found(record: SessionRecord | undefined): SessionRecord {
  if (record) return record;
  throw sessionNotFound();
}

/**
 * The messages in the body of a POST in a session; more than one in a batch, which 2025-03-26 has.
 *
 * @throws {JsonRpcHttpError}
 */
function messagesIn(body: unknown): JSONRPCMessage[] {
  if (isPlainMessage(body)) return [body];
  const candidates: unknown[] = Array.isArray(body) ? body : [body];
  if (candidates.length > MAX_BATCH) {
    const message = `Invalid Request: Batch must not exceed ${MAX_BATCH} messages`;
    throw new JsonRpcHttpError(400, CODE.invalidRequest, message, { limit: 'batch_size' });
  }
  try {
    return candidates.map((candidate) => parseJSONRPCMessage(candidate));
  } catch {
    throw new JsonRpcHttpError(400, CODE.parseError, 'Parse error: Invalid JSON-RPC message');
  }
}

/** Whether a body is an initialize request, valid or not. */
const isInitialize = (body: unknown): body is Record<string, unknown> =>
  isRecord(body) && body['method'] === 'initialize';

/** @throws {JsonRpcHttpError} 400 unless the revision of a session has batches. */
function requireBatches(protocolVersion: string): void {
  if (protocolVersion < NO_BATCHES_SINCE) return;
  const message = `Invalid Request: Batches belong to revision 2025-03-26, and this session speaks ${protocolVersion}. Send each message in a POST of its own.`;
  throw new JsonRpcHttpError(400, CODE.invalidRequest, message);
}

/** @throws {JsonRpcHttpError} 400 */
function requireKnownVersion(headers: IncomingHttpHeaders): void {
  const version = headers['mcp-protocol-version'];
  if (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))) return;
  const known = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
  const message = `Bad Request: Unsupported protocol version: ${String(version)} (supported versions: ${known})`;
  throw new JsonRpcHttpError(400, CODE.serverError, message);
}
