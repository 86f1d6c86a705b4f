import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { type Accepted, ALREADY_ANSWERED } from '../calls/index.js';
import { requireStreamAccepted } from '../http/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { type SessionRecord, SessionStore } from '../storage/index.js';
import { GetStreams } from './get-streams.js';
import { InitializeRequests } from './initialize-requests.js';
import { MessageDispatcher } from './message-dispatcher.js';
import {
  isInitialize,
  messagesIn,
  requireBatches,
  requireKnownVersion,
  SESSION_ID,
  sessionNotFound,
} from './session-messages.js';

/** The revisions with sessions, 2025-11-25 and before, over POST, GET and DELETE. */
@Injectable()
export class SessionsEndpoint {
  constructor(
    private readonly sessions: SessionStore,
    private readonly initializeRequests: InitializeRequests,
    private readonly dispatcher: MessageDispatcher,
    private readonly streams: GetStreams,
  ) {}

  /** @throws {JsonRpcHttpError} */
  async post(request: McpHttpRequest, response: ServerResponse, body: unknown): Promise<Accepted> {
    if (isInitialize(body)) {
      await this.initialize(request, response, body);
      return ALREADY_ANSWERED;
    }
    if (Array.isArray(body)) await this.admitBatch(request, body);
    const messages = messagesIn(body);
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    return await this.dispatcher.receive(record, messages, request, response);
  }

  /** @throws {JsonRpcHttpError} */
  async openStream(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    requireStreamAccepted(request.headers);
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    await this.streams.open(record, request.headers, response);
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
  ): Promise<void> {
    if (await this.find(request)) {
      throw new JsonRpcHttpError(400, CODE.invalidRequest, 'Invalid Request: Server already initialized');
    }
    await this.initializeRequests.answer(request.auth.keyHash, body, response);
  }

  /** @throws {JsonRpcHttpError} */
  private async admitBatch(request: McpHttpRequest, body: readonly unknown[]): Promise<void> {
    if (body.some(isInitialize)) {
      throw new JsonRpcHttpError(
        400,
        CODE.invalidRequest,
        'Invalid Request: Send initialize alone, not in a batch',
      );
    }
    requireBatches((await this.sessionOf(request)).protocolVersion);
  }

  private async sessionOf(request: McpHttpRequest): Promise<SessionRecord> {
    const id = request.headers[SESSION_ID];
    if (id === undefined || id === '') {
      throw new JsonRpcHttpError(400, CODE.serverError, 'Bad Request: Mcp-Session-Id header is required');
    }
    const record = await this.find(request);
    if (record) return record;
    throw sessionNotFound();
  }

  private async find({ headers, auth }: McpHttpRequest): Promise<SessionRecord | undefined> {
    const id = headers[SESSION_ID] ?? '';
    return id === '' ? undefined : await this.sessions.find(String(id), auth.keyHash);
  }
}
