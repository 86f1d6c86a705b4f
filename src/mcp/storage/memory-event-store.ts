import { Injectable } from '@nestjs/common';

import {
  type EventLog,
  type EventLogOptions,
  type EventReader,
  EventStore,
  KEEP_MS,
  Signal,
} from './event-store.js';
import { MemoryEventLog } from './memory-event-log.js';
import type { SessionRecord } from './session-store.js';

/** Of all streams together; the oldest stream is discarded first. */
const MAX_CHARACTERS = 64 * 1_048_576;
const READS_EVERY_MS = 15_000;

/** Event logs in the memory of one process. */
@Injectable()
export class MemoryEventStore extends EventStore {
  private readonly logs = new Map<string, MemoryEventLog>();
  private total = 0;

  begin({ sessionHash }: SessionRecord, { onRead }: EventLogOptions): EventLog {
    const log = new MemoryEventLog(sessionHash, onRead, {
      changed: (by) => this.changed(by),
      ended: () => setTimeout(() => this.discard(log), KEEP_MS).unref(),
      dropped: () => this.discard(log),
    });
    this.logs.set(log.stream, log);
    return log;
  }

  read({ sessionHash }: SessionRecord, stream: string): EventReader {
    const signal = new Signal();
    const notify = (): void => signal.notify();
    const log = this.logs.get(stream);
    const found = log?.sessionHash === sessionHash ? log : undefined;
    found?.readers.add(notify);
    return {
      after: (sequence) => Promise.resolve(found?.after(sequence)),
      more: () => signal.wait(READS_EVERY_MS),
      stop: notify,
      [Symbol.dispose]: () => void found?.readers.delete(notify),
    };
  }

  private changed(by: number): void {
    this.total += by;
    while (this.total > MAX_CHARACTERS) {
      const [oldest] = this.logs.values();
      if (!oldest) return;
      this.discard(oldest);
    }
  }

  private discard(log: MemoryEventLog): void {
    if (this.logs.delete(log.stream)) this.total -= log.discard();
  }
}
