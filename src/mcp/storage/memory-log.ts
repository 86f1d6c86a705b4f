import { newStreamName } from './event-ids.js';
import { LogWindow } from './log-window.js';
import { CANCELLED, type Entry, type Page, type StreamLog } from './stream-logs.js';

interface Keeper {
  /** Told by how many characters the log has grown. */
  readonly changed: (by: number) => void;
  readonly ended: () => void;
  readonly dropped: () => void;
}

/** One stream in memory. */
export class MemoryLog implements StreamLog {
  readonly stream = newStreamName();
  /** Called when there is more to read. */
  readonly readers = new Set<() => void>();
  private readonly window = new LogWindow();
  private entries: Entry[] = [];
  private last = 0;
  private isOver = false;
  private isForgotten = false;
  private isCancelled = false;

  constructor(
    /** Of the session. */
    readonly tag: string,
    private onRead: () => void,
    private readonly keeper: Keeper,
  ) {}

  append(message: string): number {
    this.last += 1;
    if (!this.isForgotten) this.keep({ place: this.last, message });
    for (const ring of this.readers) ring();
    return this.last;
  }

  end(message: string): number {
    this.isOver = true;
    this.letGo();
    this.keeper.ended();
    return this.append(message);
  }

  cancel(): void {
    this.isCancelled = true;
    this.keeper.changed(-this.forget());
    this.keeper.ended();
  }

  drop(): void {
    this.keeper.dropped();
  }

  /** `undefined` when it was forgotten. */
  after(place: number): Page | undefined {
    if (this.isCancelled) return CANCELLED;
    if (this.isForgotten) return undefined;
    this.onRead();
    return { entries: this.entries.filter((entry) => entry.place > place), isOver: this.isOver };
  }

  /** Lets go of everything; returns how many characters that was. */
  forget(): number {
    if (this.isForgotten) return 0;
    this.isForgotten = true;
    this.letGo();
    this.entries = [];
    for (const ring of this.readers) ring();
    return this.window.length;
  }

  /** What is kept for a minute must not hold the whole call with it. */
  private letGo(): void {
    this.onRead = () => undefined;
  }

  private keep(entry: Entry): void {
    const before = this.window.length;
    const oldest = this.window.admit(entry.message);
    this.entries.push(entry);
    while (this.entries[0] && this.entries[0].place < oldest) this.entries.shift();
    this.keeper.changed(this.window.length - before);
  }
}
