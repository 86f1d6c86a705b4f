import { Injectable } from '@nestjs/common';
import type { RequestId } from '@modelcontextprotocol/server';
import type { ServerResponse } from 'node:http';

import { Call, InFlightRequests, Reply } from '../calls/index.js';
import { CODE, JsonRpcHttpError, type RequestMessage } from '../protocol/index.js';
import { EventRecorder } from './event-recorder.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';
import { SESSION_ID } from './session-messages.js';

/** In these revisions a lost connection is no cancellation: a client has this long to come back. */
const RESUME_WINDOW_MS = 60_000;

/** Keeps account of the requests of sessions, from their arrival to their answer. */
@Injectable()
export class SessionCalls {
  constructor(
    private readonly live: LiveSessions,
    private readonly inFlight: InFlightRequests,
    private readonly recorder: EventRecorder,
  ) {}

  /** Why so many cannot be begun. Notifications get through: one of them may be what makes room. */
  limitError(requests: readonly RequestMessage[], session: LiveSession): JsonRpcHttpError | undefined {
    const { length } = requests;
    if (length === 0) return undefined;
    const id = idOf(requests);
    if (!this.live.hasCapacity(session, length)) return tooMuchAtOnce(id);
    return this.inFlight.limitError(session.record.keyHash, id, length);
  }

  /** The response to a POST that holds these requests. */
  replyTo(requests: readonly RequestMessage[], { record }: LiveSession, response: ServerResponse): Reply {
    const headers = { [SESSION_ID]: record.id };
    const [message, ...more] = requests;
    // Batches belong to a revision before clients came back for a stream they had lost.
    if (!message || more.length > 0) return new Reply(response, { headers, answers: requests.length });
    return new Reply(response, {
      headers,
      startRecording: (onRead) => this.recorder.begin(record, message, onRead),
    });
  }

  open(session: LiveSession, { id }: RequestMessage, reply: Reply): Call {
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

/** @param requests of one POST; a batch of them has no id of its own. */
const idOf = ([first, ...others]: readonly RequestMessage[]): RequestId | null =>
  others.length === 0 ? (first?.id ?? null) : null;

function tooMuchAtOnce(id: RequestId | null): JsonRpcHttpError {
  const message =
    'Too Many Requests: Too many requests of this session are in progress. Wait until some are answered, or cancel them.';
  const headers = { 'Retry-After': '1' };
  return new JsonRpcHttpError(429, CODE.serverError, message, { id, headers, limit: 'requests_per_session' });
}
