import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { CODE, Refusal } from '../edge/refusal.js';
import { EventStream } from '../transport/event-stream.js';
import { Traffic } from '../transport/traffic.js';
import { SESSION_ID } from './legacy-messages.js';
import { LiveSessions } from './live-sessions.js';
import { type SessionRecord, Sessions } from './sessions.js';

/** The one stream of a session that is opened by GET, for what belongs to no request. */
@Injectable()
export class StandaloneStreams {
  constructor(
    private readonly sessions: Sessions,
    private readonly live: LiveSessions,
    private readonly traffic: Traffic,
  ) {}

  /** @throws {Refusal} 409 while the session has one. */
  async open(record: SessionRecord, response: ServerResponse): Promise<void> {
    const { id, keyHash } = record;
    const claim = await this.sessions.claimStream(record);
    if (!claim) {
      const message = 'Conflict: Only one SSE stream is allowed per session';
      throw new Refusal(409, CODE.refused, message, { bound: 'streams_per_session' });
    }
    if (response.destroyed) {
      await claim.release();
      return;
    }
    const session = this.live.of(record);
    const stream = new EventStream(response, { [SESSION_ID]: id });
    const open = { keyHash, end: (): void => stream.end() };
    session.stream = stream;
    claim.onLost(() => stream.end());
    this.traffic.open(open);
    response.once('close', () => {
      session.stream = undefined;
      this.traffic.closed(open);
      this.live.settle(session);
      // Out of reach, the claim ends by itself.
      claim.release().catch(() => undefined);
    });
  }
}
