import { Injectable } from '@nestjs/common';

import { Bell } from './bell.js';
import { MemoryLog } from './memory-log.js';
import type { SessionRecord } from './sessions.js';
import { type Beginning, KEEP_MS, type Reading, type StreamLog, StreamLogs } from './stream-logs.js';

/** Of all streams together; the one that began first is forgotten first. */
const MAX_CHARACTERS = 64 * 1_048_576;
const READS_EVERY_MS = 15_000;

/** Streams of one process, kept in its memory. */
@Injectable()
export class MemoryStreamLogs extends StreamLogs {
  private readonly logs = new Map<string, MemoryLog>();
  private total = 0;

  begin({ tag }: SessionRecord, { onRead }: Beginning): StreamLog {
    const log = new MemoryLog(tag, onRead, {
      changed: (by) => this.changed(by),
      ended: () => setTimeout(() => this.forget(log), KEEP_MS).unref(),
      dropped: () => this.forget(log),
    });
    this.logs.set(log.stream, log);
    return log;
  }

  read({ tag }: SessionRecord, stream: string): Reading {
    const bell = new Bell();
    const ring = (): void => bell.ring();
    const log = this.logs.get(stream);
    const found = log?.tag === tag ? log : undefined;
    found?.readers.add(ring);
    return {
      after: (place) => Promise.resolve(found?.after(place)),
      more: () => bell.heard(READS_EVERY_MS),
      stop: ring,
      [Symbol.dispose]: () => void found?.readers.delete(ring),
    };
  }

  private changed(by: number): void {
    this.total += by;
    while (this.total > MAX_CHARACTERS) {
      const [oldest] = this.logs.values();
      if (!oldest) return;
      this.forget(oldest);
    }
  }

  private forget(log: MemoryLog): void {
    if (this.logs.delete(log.stream)) this.total -= log.forget();
  }
}
