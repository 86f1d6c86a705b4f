import { Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { CODE, Refusal } from '../edge/refusal.js';
import { SESSION_ID } from '../legacy/legacy-messages.js';
import { LiveSessions } from '../legacy/live-sessions.js';
import type { SessionRecord } from '../legacy/sessions.js';
import { EventStream } from '../transport/event-stream.js';
import { Traffic } from '../transport/traffic.js';
import { type EventPlace, eventIdOf, placeOf } from './event-ids.js';
import { type Page, type Reading, StreamLogs } from './stream-logs.js';

/** Streams of calls that clients have lost and come back to, by GET with `Last-Event-ID`. */
@Injectable()
export class ResumedStreams {
  constructor(
    private readonly logs: StreamLogs,
    private readonly live: LiveSessions,
    private readonly traffic: Traffic,
  ) {}

  /** @throws {Refusal} 400 for an event id that is none, or too old. */
  async resume(record: SessionRecord, lastEventId: string, response: ServerResponse): Promise<void> {
    const from = placeOf(lastEventId);
    if (!from) throw unknown();
    using reading = this.logs.read(record, from.stream);
    const page = await reading.after(from.place);
    if (!page) throw unknown();
    if (response.destroyed) return;
    const out = this.open(record, response, reading);
    // Out of reach, or ended: the client comes back once more, to whichever replica can go on.
    await replay({ from, page, reading, out }).catch(() => undefined);
    out.end();
  }

  private open(record: SessionRecord, response: ServerResponse, reading: Reading): EventStream {
    const session = this.live.of(record);
    const out = new EventStream(response, { [SESSION_ID]: record.id });
    const open = { keyHash: record.keyHash, end: (): void => out.end() };
    session.resumed.add(out);
    this.traffic.open(open);
    response.once('close', () => {
      reading.stop();
      session.resumed.delete(out);
      this.traffic.closed(open);
      this.live.settle(session);
    });
    return out;
  }
}

interface Replay {
  readonly from: EventPlace;
  readonly page: Page;
  readonly reading: Reading;
  readonly out: EventStream;
}

/** Sends what is there, and what comes, until the stream or the client ends it. */
async function replay({ from: { stream, place }, page: first, reading, out }: Replay): Promise<void> {
  let last = place;
  for (let page: Page | undefined = first; page && out.isOpen; page = await reading.after(last)) {
    for (const entry of page.entries) {
      await out.send(entry.message, eventIdOf({ stream, place: entry.place }));
      last = entry.place;
    }
    if (page.isOver) return;
    await reading.more();
  }
}

const unknown = (): Refusal =>
  new Refusal(
    400,
    CODE.refused,
    'Bad Request: Nothing is kept under this Last-Event-ID. Make the request anew; if it ran a task, list_tasks shows it.',
  );
