import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { EventStream, InFlightRequests, LimitCounter } from '../calls/index.js';
import { type SessionRecord, SessionStore, type StreamLease } from '../storage/index.js';
import type { LiveSession } from './live-session.js';
import { LiveSessions } from './live-sessions.js';
import { SESSION_ID } from './session-messages.js';

/** Reconnection time: TypeScript clients try twice, and a restart takes seconds. */
const RETRY_MS = 5000;

/**
 * The standalone stream of a session, opened by GET, for messages unrelated to a request. The newest replaces the one
 * before: behind a proxy that dropped only the client's side, the old one may look open for long.
 */
@Injectable()
export class StandaloneStreams {
  constructor(
    private readonly sessions: SessionStore,
    private readonly live: LiveSessions,
    private readonly inFlight: InFlightRequests,
    private readonly limitCounter: LimitCounter,
  ) {}

  /** @throws {JsonRpcHttpError} 404 when the session has ended meanwhile; 429 or 503 when a limit is exceeded. */
  async open(record: SessionRecord, response: ServerResponse): Promise<void> {
    // A replacement does not count as one more.
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
      // The client may have missed them; a repeated list change does no harm.
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
      // Another stream may have set a shorter reconnection time.
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
      // Without a release the lease expires.
      lease.release().catch(() => undefined);
    });
    return stream;
  }
}
