import { Injectable } from '@nestjs/common';

import type { Kept } from '../calls/index.js';
import type { RequestMessage } from '../protocol/index.js';
import { eventIdOf, type SessionRecord, StreamLogs } from '../storage/index.js';
import { LastWords } from './last-words.js';

/** From this revision on, clients understand an event without data. */
const EMPTY_EVENTS_SINCE = '2025-11-25';

/** Has the stream of a call kept, for a client that loses it. */
@Injectable()
export class KeptStreams {
  constructor(
    private readonly logs: StreamLogs,
    private readonly lastWords: LastWords,
  ) {}

  /** @param onRead called when the client reads on over another connection, and now and then while it does. */
  begin(session: SessionRecord, message: RequestMessage, onRead: () => void): Kept {
    const log = this.logs.begin(session, { lastWords: () => this.lastWords.of(message), onRead });
    const { stream } = log;
    const idOf = (place: number): string => eventIdOf({ stream, place });
    return {
      firstEventId: session.protocolVersion < EMPTY_EVENTS_SINCE ? undefined : idOf(0),
      append: (text) => idOf(log.append(text)),
      end: (text) => idOf(log.end(text)),
      cancel: () => log.cancel(),
      drop: () => log.drop(),
    };
  }
}
