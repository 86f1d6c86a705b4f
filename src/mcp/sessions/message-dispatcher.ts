import { Injectable, Logger } from '@nestjs/common';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { type Accepted, Call, InFlightRequests, Reply } from '../calls/index.js';
import { CODE, errorMessage, isRequest, JsonRpcHttpError, type RequestMessage } from '../protocol/index.js';
import type { SessionRecord } from '../storage/index.js';
import { EventRecorder } from './event-recorder.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';
import { type PendingRequest, RequestDispatcher } from './request-dispatcher.js';
import { SESSION_ID } from './session-messages.js';

/** In these revisions a lost connection does not cancel a call: a client has this long to resume. */
const RESUME_WINDOW_MS = 60_000;

/** Accepts the messages of one POST to a session and ensures that each request is answered once. */
@Injectable()
export class MessageDispatcher {
  private readonly logger = new Logger(MessageDispatcher.name);

  constructor(
    private readonly live: LiveSessions,
    private readonly requests: RequestDispatcher,
    private readonly inFlight: InFlightRequests,
    private readonly recorder: EventRecorder,
  ) {}

  /**
   * Resolves when all messages are accepted, without waiting for the responses.
   *
   * @throws {JsonRpcHttpError} 429 or 503 when a limit is exceeded; 503 when a notification concerns another replica
   *   and none is reachable.
   */
  async receive(
    record: SessionRecord,
    messages: readonly JSONRPCMessage[],
    rawRequest: McpHttpRequest,
    response: ServerResponse,
  ): Promise<Accepted> {
    const session = this.live.of(record);
    const pending: Promise<void>[] = [];
    const notifications: Promise<void>[] = [];
    const requests = messages.filter(isRequest);
    const error = this.limitError(requests, session);
    const reply = this.replyTo(requests, session, response);
    for (const message of messages) {
      if (!isRequest(message)) notifications.push(this.live.receive(session, message));
      else if (!error)
        pending.push(
          this.answer({ session, message, rawRequest, call: this.openCall(session, message, reply) }),
        );
    }
    if (error || notifications.length > 0) {
      const outcomes = await Promise.allSettled(notifications);
      this.live.forgetIfIdle(session);
      if (error) throw error;
      if (requests.length === 0) confirm(outcomes, response);
    }
    return { answered: Promise.all(pending) };
  }

  private answer(request: PendingRequest): Promise<void> {
    const { call, message } = request;
    return this.requests.answer(request).catch((error: unknown) => {
      this.logger.error({ message: 'a request could not be answered', method: message.method, error });
      call.answer(errorMessage(call.id, { code: CODE.internalError, message: 'Internal server error' }));
    });
  }

  /** The error if these exceed a limit. Notifications pass, since one may cancel a request. */
  private limitError(
    requests: readonly RequestMessage[],
    session: LiveSession,
  ): JsonRpcHttpError | undefined {
    const { length } = requests;
    if (length === 0) return undefined;
    const id = idOf(requests);
    if (!this.live.hasCapacity(session, length)) return tooMuchAtOnce(id);
    return this.inFlight.limitError(session.record.keyHash, id, length);
  }

  /** The response to a POST that holds these requests. */
  private replyTo(
    requests: readonly RequestMessage[],
    { record }: LiveSession,
    response: ServerResponse,
  ): Reply {
    const headers = { [SESSION_ID]: record.id };
    const [message, ...more] = requests;
    // Batches belong to a revision without resumable streams.
    if (!message || more.length > 0) return new Reply(response, { headers, answers: requests.length });
    return new Reply(response, {
      headers,
      startRecording: (onRead) => this.recorder.begin(record, message, onRead),
    });
  }

  private openCall(session: LiveSession, { id }: RequestMessage, reply: Reply): Call {
    const call = new Call(id, session.record.keyHash, reply, (done) => {
      session.inProgress.delete(inProgress);
      this.inFlight.leave(done);
      this.live.forgetIfIdle(session);
    });
    const inProgress = { call };
    session.inProgress.add(inProgress);
    this.inFlight.enter(call);
    reply.onLost(() => call.cancelIn(RESUME_WINDOW_MS, 'the client is gone'));
    return call;
  }
}

/** Answers a POST without requests, or throws the error of a notification. */
function confirm(outcomes: readonly PromiseSettledResult<void>[], response: ServerResponse): void {
  for (const one of outcomes) if (one.status === 'rejected') throw one.reason;
  response.writeHead(202).end();
}

/** @param requests of one POST; a batch has no id. */
const idOf = ([first, ...others]: readonly RequestMessage[]): RequestId | null =>
  others.length === 0 ? (first?.id ?? null) : null;

function tooMuchAtOnce(id: RequestId | null): JsonRpcHttpError {
  const message =
    'Too Many Requests: Too many requests of this session are in progress. Wait until some are answered, or cancel them.';
  const headers = { 'Retry-After': '1' };
  return new JsonRpcHttpError(429, CODE.serverError, message, { id, headers, limit: 'requests_per_session' });
}
