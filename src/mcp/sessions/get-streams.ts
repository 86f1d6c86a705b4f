import { Injectable } from '@nestjs/common';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import { EventStream, InFlightRequests } from '../calls/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import {
  eventIdOf,
  type EventPage,
  type EventPosition,
  type EventReader,
  EventStore,
  positionOf,
  type SessionRecord,
} from '../storage/index.js';
import { LiveSessions } from './live-sessions.js';
import { SESSION_ID } from './session-messages.js';
import { StandaloneStreams } from './standalone-streams.js';

/**
 * Streams opened by GET: the standalone stream of a session, or with `Last-Event-ID` the rest of a stream its client
 * lost.
 */
@Injectable()
export class GetStreams {
  constructor(
    private readonly standalone: StandaloneStreams,
    private readonly logs: EventStore,
    private readonly live: LiveSessions,
    private readonly inFlight: InFlightRequests,
  ) {}

  /** @throws {JsonRpcHttpError} */
  async open(record: SessionRecord, headers: IncomingHttpHeaders, response: ServerResponse): Promise<void> {
    const lastEventId = String(headers['last-event-id'] ?? '');
    if (lastEventId === '') {
      await this.standalone.open(record, response);
    } else {
      this.inFlight.requireCapacity(record.keyHash, null);
      await this.resume(record, lastEventId, response);
    }
  }

  /**
   * @throws {JsonRpcHttpError} 400 for an event id that is invalid or too old; 405 when nothing follows. A later error
   *   ends the connection, and the client reconnects.
   */
  private async resume(record: SessionRecord, lastEventId: string, response: ServerResponse): Promise<void> {
    const from = positionOf(lastEventId);
    if (!from) throw unknown();
    using reading = this.logs.read(record, from.stream);
    const page = await reading.after(from.sequence);
    if (!page) throw unknown();
    if (page.isOver && page.entries.length === 0) throw over(page);
    if (response.destroyed) return;
    const out = this.openResumed(record, from.stream, response);
    response.once('close', () => reading.stop());
    await replay({ from, page, reading, out });
    out.end();
  }

  /** A client that resumes again has lost the previous connection. */
  private openResumed(record: SessionRecord, stream: string, response: ServerResponse): EventStream {
    const session = this.live.of(record);
    session.resumed.get(stream)?.end();
    const out = new EventStream(response, { [SESSION_ID]: record.id });
    const open = { keyHash: record.keyHash, end: (): void => out.end() };
    session.resumed.set(stream, out);
    this.inFlight.open(open);
    response.once('close', () => {
      if (session.resumed.get(stream) === out) session.resumed.delete(stream);
      this.inFlight.closed(open);
      this.live.forgetIfIdle(session);
    });
    return out;
  }
}

interface Replay {
  readonly from: EventPosition;
  readonly page: EventPage;
  readonly reading: EventReader;
  readonly out: EventStream;
}

/** Sends stored and new events until the stream or the client ends. */
async function replay({ from: { stream, sequence }, page: first, reading, out }: Replay): Promise<void> {
  let last = sequence;
  for (let page: EventPage | undefined = first; page && out.isOpen; page = await reading.after(last)) {
    for (const entry of page.entries) {
      await out.send(entry.message, eventIdOf({ stream, sequence: entry.sequence }));
      last = entry.sequence;
    }
    if (page.isOver) return;
    await reading.more();
  }
}

const unknown = (): JsonRpcHttpError =>
  new JsonRpcHttpError(
    400,
    CODE.serverError,
    'Bad Request: Nothing is kept under this Last-Event-ID. Make the request anew; if it ran a task, list_tasks shows it.',
  );

/**
 * TypeScript clients treat any other status as a failure, report it and retry; this one means that there is no
 * stream.
 */
const over = ({ isCancelled }: EventPage): JsonRpcHttpError =>
  new JsonRpcHttpError(
    405,
    CODE.serverError,
    isCancelled
      ? 'Method Not Allowed: The client has cancelled the request of this stream. Nothing follows.'
      : 'Method Not Allowed: This stream has ended, and everything it said has been read. Nothing follows.',
    { headers: { Allow: 'POST, DELETE' } },
  );
