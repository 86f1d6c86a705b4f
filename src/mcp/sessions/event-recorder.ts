import { Injectable } from '@nestjs/common';

import type { RecordedStream } from '../calls/index.js';
import type { RequestMessage } from '../protocol/index.js';
import { eventIdOf, EventStore, type SessionRecord } from '../storage/index.js';
import { CrashReply } from './crash-reply.js';

/** From this revision on, clients understand an event without data. */
const EMPTY_EVENTS_SINCE = '2025-11-25';

/** Has the stream of a call kept, for a client that loses it. */
@Injectable()
export class EventRecorder {
  constructor(
    private readonly logs: EventStore,
    private readonly crashReply: CrashReply,
  ) {}

  /** @param onRead called when the client reads on over another connection, and now and then while it does. */
  begin(session: SessionRecord, message: RequestMessage, onRead: () => void): RecordedStream {
    const log = this.logs.begin(session, { crashReply: () => this.crashReply.of(message), onRead });
    const { stream } = log;
    const idOf = (sequence: number): string => eventIdOf({ stream, sequence });
    return {
      firstEventId: session.protocolVersion < EMPTY_EVENTS_SINCE ? undefined : idOf(0),
      append: (text) => idOf(log.append(text)),
      end: (text) => idOf(log.end(text)),
      cancel: () => log.cancel(),
      drop: () => log.drop(),
    };
  }
}
