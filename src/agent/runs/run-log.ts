import type { LogChunk, LogStream } from '../../contract/index.js';

/** A chunk is complete when it has so many characters, or is so old. */
const CHUNK_CHARACTERS = 16 * 1024;
const CHUNK_MS = 1000;
/** Beside its text a chunk takes this much of what is kept. */
const CHUNK_COST = 100;
/** How long lines are collected before they are sent. */
const COLLECT_MS = 100;
/** What is sent before the runtime has stored earlier chunks; so a run sends about 1 MB in a second. */
const WINDOW = 128 * 1024;
/** At most this part of what is kept, so that the rest is left for what waits. */
const WINDOW_PART = 1 / 4;
const KEPT = 4 * 1024 * 1024;

/** What the runtime has not stored of a log. */
export interface UnstoredLog {
  readonly chunks: LogChunk[];
  readonly next_line: number;
  readonly last_stored: number;
}

/** Sends chunks to the runtime. */
type SendLog = (chunks: readonly LogChunk[]) => void;

/**
 * The log of one run until the runtime has stored it: over a lost connection it is kept, within a limit, and sent again.
 * Of a run that writes more than can be sent the oldest lines that wait are dropped, and a note takes their place.
 */
export class RunLog {
  /** Not stored yet, oldest first. */
  private chunks: LogChunk[] = [];
  /** How many of them were sent on this connection. */
  private sent = 0;
  private size = 0;
  private sentSize = 0;
  private nextLine = 1;
  private limit = KEPT;
  private send: SendLog | undefined;
  private timer: NodeJS.Timeout | undefined;
  private lastStored = 0;

  /** @param former of the same run in an earlier agent. */
  constructor(former?: UnstoredLog) {
    if (!former) return;
    this.chunks = former.chunks;
    this.size = sizeOf(former.chunks);
    this.nextLine = former.next_line;
    this.lastStored = former.last_stored;
  }

  get unstored(): UnstoredLog {
    return { chunks: this.chunks, next_line: this.nextLine, last_stored: this.lastStored };
  }

  /** Adds a line that a step wrote. */
  add(step: string, stream: LogStream, text: string): void {
    const line = this.nextLine;
    this.nextLine += 1;
    if (!this.hasExtended(step, stream, text)) {
      this.chunks.push({ line, step, stream, time: Date.now(), text });
      this.size += text.length + CHUNK_COST;
    }
    if (this.size > this.limit) this.drop();
    this.timer ??= setTimeout(() => this.sendWindow(), COLLECT_MS);
  }

  /**
   * Sends what is not stored by this from now on.
   *
   * @param limit bytes that the runtime keeps of the run.
   */
  attach(send: SendLog, limit: number): void {
    this.send = send;
    this.limit = Math.min(limit, KEPT);
    this.sent = 0;
    this.sentSize = 0;
    this.sendWindow();
  }

  detach(): void {
    this.send = undefined;
  }

  /** The runtime has stored every line up to this one. */
  stored(line: number): void {
    this.lastStored = Math.max(this.lastStored, line);
    const stored = this.chunks.findIndex((chunk, index) => index >= this.sent || chunk.line > line);
    const count = stored === -1 ? this.chunks.length : stored;
    const size = sizeOf(this.chunks.splice(0, count));
    this.sent -= count;
    this.size -= size;
    this.sentSize -= size;
    this.sendWindow();
  }

  /** Sends all that waits. */
  flush(): void {
    this.sendUpTo(Infinity);
  }

  private sendWindow(): void {
    this.sendUpTo(Math.min(WINDOW, WINDOW_PART * this.limit));
  }

  private sendUpTo(limit: number): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.send) return;
    const begin = this.sent;
    while (this.sent < this.chunks.length && this.sentSize < limit) {
      this.sentSize += sizeOf(this.chunks.slice(this.sent, this.sent + 1));
      this.sent += 1;
    }
    if (this.sent > begin) this.send(this.chunks.slice(begin, this.sent));
  }

  /** Appends a line to the last chunk, unless that was sent or is complete. */
  private hasExtended(step: string, stream: LogStream, text: string): boolean {
    const last = this.chunks.at(-1);
    if (last === undefined || this.chunks.length === this.sent) return false;
    if (last.step !== step || last.stream !== stream) return false;
    if (last.text.length + text.length >= CHUNK_CHARACTERS || Date.now() - last.time > CHUNK_MS) return false;
    last.text += `\n${text}`;
    this.size += text.length + 1;
    return true;
  }

  /** Drops the oldest chunks that wait, a quarter of what may be kept at once. */
  private drop(): void {
    const waiting = this.chunks.slice(this.sent);
    let count = 0;
    for (; count < waiting.length - 1 && this.size > 0.75 * this.limit; count += 1)
      this.size -= sizeOf(waiting.slice(count, count + 1));
    const next = waiting[count];
    if (next === undefined || count === 0) return;
    const former = this.chunks[this.sent - 1];
    const last = former === undefined ? this.lastStored : former.line + linesIn(former.text) - 1;
    const { step, time } = next;
    const lines = next.line - 1 - last;
    const text = `[${lines} lines were dropped here: the run wrote more than could be sent to the runtime]`;
    // An earlier note that is dropped is counted by the numbers of the lines.
    const note: LogChunk = { line: next.line - 1, step, stream: 'system', time, text };
    this.size += sizeOf([note]);
    this.chunks = [...this.chunks.slice(0, this.sent), note, ...waiting.slice(count)];
  }
}

const sizeOf = (chunks: readonly LogChunk[]): number =>
  chunks.reduce((size, { text }) => size + text.length + CHUNK_COST, 0);

function linesIn(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
