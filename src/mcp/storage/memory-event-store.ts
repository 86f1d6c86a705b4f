import { Injectable } from '@nestjs/common';

import {
  CANCELLED,
  type EventLog,
  type EventLogOptions,
  type EventPage,
  type EventReader,
  EventStore,
  KEEP_MS,
  newStreamName,
  RetentionWindow,
  Signal,
  type StoredEvent,
} from './event-store.js';
import type { SessionRecord } from './session-store.js';

interface LogObserver {
  /** Called with the growth of the log in characters. */
  readonly changed: (by: number) => void;
  readonly ended: () => void;
  readonly dropped: () => void;
}

/** One stream in memory. */
class MemoryEventLog implements EventLog {
  readonly stream = newStreamName();
  /** Called when there is more to read. */
  readonly readers = new Set<() => void>();
  private readonly window = new RetentionWindow();
  private entries: StoredEvent[] = [];
  private last = 0;
  private isOver = false;
  private isDiscarded = false;
  private isCancelled = false;

  constructor(
    /** Of its session. */
    readonly sessionHash: string,
    private onRead: () => void,
    private readonly observer: LogObserver,
  ) {}

  append(message: string): number {
    this.last += 1;
    if (!this.isDiscarded) this.keep({ sequence: this.last, message });
    for (const notify of this.readers) notify();
    return this.last;
  }

  end(message: string): number {
    this.isOver = true;
    this.release();
    this.observer.ended();
    return this.append(message);
  }

  cancel(): void {
    this.isCancelled = true;
    this.observer.changed(-this.discard());
    this.observer.ended();
  }

  drop(): void {
    this.observer.dropped();
  }

  /** `undefined` when it was discarded. */
  after(sequence: number): EventPage | undefined {
    if (this.isCancelled) return CANCELLED;
    if (this.isDiscarded) return undefined;
    this.onRead();
    return { entries: this.entries.filter((entry) => entry.sequence > sequence), isOver: this.isOver };
  }

  /** Discards everything; returns the number of characters. */
  discard(): number {
    if (this.isDiscarded) return 0;
    this.isDiscarded = true;
    this.release();
    this.entries = [];
    for (const notify of this.readers) notify();
    return this.window.length;
  }

  /** The log outlives the call by a minute and must not retain it. */
  private release(): void {
    this.onRead = () => undefined;
  }

  private keep(entry: StoredEvent): void {
    const before = this.window.length;
    const oldest = this.window.admit(entry.message);
    this.entries.push(entry);
    while (this.entries[0] && this.entries[0].sequence < oldest) this.entries.shift();
    this.observer.changed(this.window.length - before);
  }
}

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
