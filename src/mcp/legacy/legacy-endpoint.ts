import { Inject, Injectable, Logger } from '@nestjs/common';
import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/keyed-request.js';
import { CODE, Refusal } from '../edge/refusal.js';
import { SERVER_INFO, type ServerInfo } from '../server-info.js';
import { Call } from '../transport/call.js';
import { EventStream } from '../transport/event-stream.js';
import {
  errorMessage,
  isNotice,
  isRequest,
  type RequestMessage,
  resultMessage,
} from '../transport/messages.js';
import { Reply } from '../transport/reply.js';
import { SdkServers } from '../transport/sdk-servers.js';
import { Traffic } from '../transport/traffic.js';
import { messagesIn, negotiated, openingIn, requireAccept, requireKnownVersion } from './legacy-messages.js';
import { LegacyRequests } from './legacy-requests.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';
import { type SessionRecord, Sessions } from './sessions.js';

const SESSION_ID = 'mcp-session-id';
/** In these revisions a lost connection is no cancellation: a client has this long to come back. */
const RESUME_WINDOW_MS = 60_000;

/** The revisions with sessions, 2025-11-25 and before, over POST, GET and DELETE. */
@Injectable()
export class LegacyEndpoint {
  private readonly logger = new Logger(LegacyEndpoint.name);

  constructor(
    private readonly sessions: Sessions,
    private readonly live: LiveSessions,
    private readonly requests: LegacyRequests,
    private readonly traffic: Traffic,
    private readonly servers: SdkServers,
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
  ) {}

  /** @throws {Refusal} */
  async post(request: KeyedRequest, response: ServerResponse, body: unknown): Promise<void> {
    requireAccept(request.headers, 'application/json', 'text/event-stream');
    const messages = messagesIn(body);
    const opening = openingIn(messages);
    if (opening) {
      await this.open(request, response, messages);
      return;
    }
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    this.receive(this.live.of(record), messages, request, response);
  }

  /** Opens the session's standalone stream, for what belongs to no request. */
  async listen(request: KeyedRequest, response: ServerResponse): Promise<void> {
    requireAccept(request.headers, 'text/event-stream');
    const record = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    const { id, keyHash } = record;
    if (!(await this.sessions.claimStream(id))) {
      throw new Refusal(409, CODE.refused, 'Conflict: Only one SSE stream is allowed per session');
    }
    const session = this.live.of(record);
    const stream = new EventStream(response, { [SESSION_ID]: id });
    const open = { keyHash, end: (): void => stream.end() };
    session.stream = stream;
    this.traffic.open(open);
    response.once('close', () => {
      session.stream = undefined;
      this.traffic.closed(open);
      this.live.settle(session);
      void this.sessions.releaseStream(id);
    });
  }

  async end(request: KeyedRequest, response: ServerResponse): Promise<void> {
    const { id } = await this.sessionOf(request);
    requireKnownVersion(request.headers);
    await this.sessions.end(id);
    response.writeHead(200).end();
  }

  private async open(
    request: KeyedRequest,
    response: ServerResponse,
    messages: readonly JSONRPCMessage[],
  ): Promise<void> {
    if (request.headers[SESSION_ID] !== undefined) {
      await this.sessionOf(request);
      throw new Refusal(400, CODE.invalidRequest, 'Invalid Request: Server already initialized');
    }
    const opening = openingIn(messages);
    if (messages.length > 1 || !opening) {
      const message = 'Invalid Request: Only one initialization request is allowed';
      throw new Refusal(400, CODE.invalidRequest, message);
    }
    const protocolVersion = negotiated(opening.params.protocolVersion);
    const hello = opening.params as never;
    const { id } = await this.sessions.open({ keyHash: request.auth.clientId, protocolVersion, hello });
    const { implementation: serverInfo, instructions } = this.info;
    const { capabilities } = this.servers;
    const result = JSON.stringify({ protocolVersion, capabilities, serverInfo, instructions });
    new Reply(response, { [SESSION_ID]: id }).answer(resultMessage(opening.id, result));
  }

  private async sessionOf(request: KeyedRequest): Promise<SessionRecord> {
    const id = request.headers[SESSION_ID];
    if (id === undefined || id === '') {
      throw new Refusal(400, CODE.refused, 'Bad Request: Mcp-Session-Id header is required');
    }
    const record = await this.sessions.find(String(id), request.auth.clientId);
    if (record) return record;
    throw new Refusal(404, CODE.sessionNotFound, 'Session not found');
  }

  private receive(
    session: LiveSession,
    messages: readonly JSONRPCMessage[],
    rawRequest: KeyedRequest,
    response: ServerResponse,
  ): void {
    const requests = messages.filter((message) => isRequest(message));
    const reply = new Reply(response, { [SESSION_ID]: session.record.id }, requests.length);
    const calls = new Map(
      requests.map((message) => [message as object, this.callFor(session, message, reply)]),
    );
    for (const message of messages) {
      const call = calls.get(message);
      if (call && isRequest(message)) this.answer(session, message, call, rawRequest);
      else notice(session, message);
    }
    if (requests.length > 0) return;
    response.writeHead(202).end();
    this.live.settle(session);
  }

  private callFor(session: LiveSession, { id }: RequestMessage, reply: Reply): Call {
    const call = new Call(id, reply, (done) => {
      if (session.calls.get(id) === done) session.calls.delete(id);
      this.traffic.leave(done);
      this.live.settle(session);
    });
    session.calls.set(id, call);
    this.traffic.enter(call);
    reply.onLost(() => call.cancelIn(RESUME_WINDOW_MS, 'the client is gone'));
    return call;
  }

  private answer(session: LiveSession, message: RequestMessage, call: Call, rawRequest: KeyedRequest): void {
    this.requests.answer({ session, message, call, rawRequest }).catch((error: unknown) => {
      this.logger.error({ message: 'a request could not be answered', method: message.method, error });
      call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
    });
  }
}

/** A notification, or a client's answer to a question of the SDK server; neither is answered. */
function notice(session: LiveSession, message: JSONRPCMessage): void {
  if (isNotice(message) && message.method === 'notifications/cancelled') {
    const { requestId, reason } = message.params ?? {};
    session.calls
      .get(requestId as RequestMessage['id'])
      ?.cancel(`cancelled by the client: ${String(reason)}`);
  }
  session.link?.deliver(message);
}
