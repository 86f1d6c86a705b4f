import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { EventStream, InFlightRequests, LimitCounter } from '../calls/index.js';
import { type SessionRecord, SessionStore, type StreamLease } from '../storage/index.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';
import { SESSION_ID } from './session-messages.js';

/** When a client should come back that has lost its stream: TypeScript clients try twice, and a restart takes seconds. */
const RETRY_MS = 5000;

/**
 * The one stream of a session that is opened by GET, for what belongs to no request. The newest replaces the one before:
 * where a proxy has dropped only the client's side, this server would think for long that the old one is still read.
 */
@Injectable()
export class StandaloneStreams {
  constructor(
    private readonly sessions: SessionStore,
    private readonly live: LiveSessions,
    private readonly inFlight: InFlightRequests,
    private readonly limitCounter: LimitCounter,
  ) {}

  /** @throws {JsonRpcHttpError} 404 when the session has ended meanwhile; 429 or 503 when too much is open. */
  async open(record: SessionRecord, response: ServerResponse): Promise<void> {
    // One that takes the place of another is not one more.
    if (!this.live.find(record.sessionHash)?.stream) this.inFlight.requireCapacity(record.keyHash, null);
    const lease = await this.sessions.leaseStream(record);
    if (response.destroyed) {
      await lease.release();
      return;
    }
    const session = this.live.of(record);
    const before = session.stream;
    const stream = this.begin(session, lease, response);
    if (before) {
      this.limitCounter.count('streams_per_session');
      // Its client may have been out of reach by then; to hear twice that a list has changed does no harm.
      for (const message of session.broadcasts) void stream.send(message);
      before.end();
    }
    lease.announceTakeover();
  }

  private begin(session: LiveSession, lease: StreamLease, response: ServerResponse): EventStream {
    const { id, keyHash } = session.record;
    const stream = new EventStream(response, { [SESSION_ID]: id });
    stream.comeBackAfter(RETRY_MS);
    const end = (): void => {
      // Another stream may have told the client to hurry.
      stream.comeBackAfter(RETRY_MS);
      stream.end();
    };
    const open = { keyHash, end };
    session.stream = stream;
    lease.onLost(() => stream.end());
    this.inFlight.open(open);
    response.once('close', () => {
      if (session.stream === stream) session.forgetStream();
      this.inFlight.closed(open);
      this.live.forgetIfIdle(session);
      // Out of reach, the claim ends by itself.
      lease.release().catch(() => undefined);
    });
    return stream;
  }
}
