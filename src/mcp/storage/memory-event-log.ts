import { CANCELLED, type EventLog, type EventPage, newStreamName, type StoredEvent } from './event-store.js';
import { RetentionWindow } from './retention-window.js';

interface LogObserver {
  /** Called with the growth of the log in characters. */
  readonly changed: (by: number) => void;
  readonly ended: () => void;
  readonly dropped: () => void;
}

/** One stream in memory. */
export class MemoryEventLog implements EventLog {
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
