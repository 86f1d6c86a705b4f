import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/index.js';
import { ANSWERED, type Begun } from '../calls/index.js';
import { requireStreamAccepted } from '../http/index.js';
import { CODE, Refusal } from '../protocol/index.js';
import { type SessionRecord, Sessions } from '../storage/index.js';
import { Handshake } from './handshake.js';
import { LegacyExchanges } from './legacy-exchanges.js';
import {
  isInitialize,
  messagesIn,
  requireBatches,
  requireKnownVersion,
  SESSION_ID,
  sessionNotFound,
} from './legacy-messages.js';
import { SessionStreams } from './session-streams.js';

/** The revisions with sessions, 2025-11-25 and before, over POST, GET and DELETE. */
@Injectable()
export class LegacyEndpoint {
  constructor(
    private readonly sessions: Sessions,
    private readonly handshake: Handshake,
    private readonly exchanges: LegacyExchanges,
    private readonly streams: SessionStreams,
  ) {}

  /** @throws {Refusal} */
  async post(request: KeyedRequest, response: ServerResponse, body: unknown): Promise<Begun> {
    if (isInitialize(body)) {
      await this.initialize(request, response, body);
      return ANSWERED;
    }
    if (Array.isArray(body)) await this.admitBatch(request, body);
    const messages = messagesIn(body);
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    return await this.exchanges.receive(record, messages, request, response);
  }

  /** @throws {Refusal} */
  async listen(request: KeyedRequest, response: ServerResponse): Promise<void> {
    requireStreamAccepted(request.headers);
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    await this.streams.open(record, request.headers, response);
  }

  /** @throws {Refusal} */
  async end(request: KeyedRequest, response: ServerResponse): Promise<void> {
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    await this.sessions.end(record);
    response.writeHead(200).end();
  }

  /** A client that names a session which is not there, or not its own, gets a new one: that is what it asks for. */
  private async initialize(
    request: KeyedRequest,
    response: ServerResponse,
    body: Record<string, unknown>,
  ): Promise<void> {
    if (await this.find(request)) {
      throw new Refusal(400, CODE.invalidRequest, 'Invalid Request: Server already initialized');
    }
    await this.handshake.answer(request.auth.clientId, body, response);
  }

  /** @throws {Refusal} */
  private async admitBatch(request: KeyedRequest, body: readonly unknown[]): Promise<void> {
    if (body.some(isInitialize)) {
      throw new Refusal(400, CODE.invalidRequest, 'Invalid Request: Send initialize alone, not in a batch');
    }
    requireBatches((await this.sessionOf(request)).protocolVersion);
  }

  private async sessionOf(request: KeyedRequest): Promise<SessionRecord> {
    const id = request.headers[SESSION_ID];
    if (id === undefined || id === '') {
      throw new Refusal(400, CODE.refused, 'Bad Request: Mcp-Session-Id header is required');
    }
    const record = await this.find(request);
    if (record) return record;
    throw sessionNotFound();
  }

  private async find({ headers, auth }: KeyedRequest): Promise<SessionRecord | undefined> {
    const id = headers[SESSION_ID] ?? '';
    return id === '' ? undefined : await this.sessions.find(String(id), auth.clientId);
  }
}
