import type { WriteStream } from 'node:tty';

import { durationText, plainText } from './printing.js';

/** What is known of a task, or of a transfer, while it goes on. */
export interface Progress {
  /** `running`, `uploading`, … */
  readonly status: string;
  /** 0 to 1. */
  readonly share?: number | undefined;
  /** In a few words: the step, the message of the run. */
  readonly details?: readonly string[] | undefined;
}

/** Shows progress on standard error: on a terminal a line that changes, elsewhere lines. */
export interface ProgressDisplay extends Disposable {
  update(progress: Progress): void;
  /** A sentence that stays. */
  say(sentence: string): void;
}

export function progressDisplay(stream: WriteStream = process.stderr): ProgressDisplay {
  return stream.isTTY && process.env['TERM'] !== 'dumb' ? new ProgressBar(stream) : new ProgressLines(stream);
}

const BAR_CELLS = 20;
const REDRAW_MS = 250;
const COLUMNS = 80;
const ERASE_LINE = '\r\u001b[2K';

/** One line that is drawn again, with the time that has passed. */
class ProgressBar implements ProgressDisplay {
  private readonly startedAt = Date.now();
  private readonly timer: NodeJS.Timeout;
  private progress: Progress | undefined;

  constructor(private readonly stream: WriteStream) {
    this.timer = setInterval(() => this.draw(), REDRAW_MS).unref();
  }

  update(progress: Progress): void {
    this.progress = progress;
    this.draw();
  }

  say(sentence: string): void {
    this.stream.write(`${ERASE_LINE}${sentence}\n`);
    this.draw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.timer);
    if (this.progress) this.stream.write(ERASE_LINE);
    this.progress = undefined;
  }

  private draw(): void {
    if (!this.progress) return;
    const { status, share, details = [] } = this.progress;
    const parts = [status, ...(share === undefined ? [] : [barOf(share)]), ...details.map(plainText)];
    const line = [...parts, durationText(Date.now() - this.startedAt)]
      .filter((part) => part !== '')
      .join('  ');
    // A line that wraps could not be erased.
    this.stream.write(`${ERASE_LINE}${fitting(line, (this.stream.columns || COLUMNS) - 1)}`);
  }
}

function barOf(share: number): string {
  const filled = Math.round(within(share) * BAR_CELLS);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_CELLS - filled)}] ${percentOf(share).padStart(4)}`;
}

const within = (share: number): number => Math.min(1, Math.max(0, share));
const percentOf = (share: number): string => `${Math.floor(within(share) * 100)}%`;

/** Scripts whose characters are two cells wide begin here. */
const WIDE_FROM = 0x1100;

function fitting(line: string, cells: number): string {
  let [used, end] = [0, 0];
  for (const character of line) {
    used += (character.codePointAt(0) ?? 0) >= WIDE_FROM ? 2 : 1;
    if (used > cells) return line.slice(0, end);
    end += character.length;
  }
  return line;
}

/** Between lines about progress alone. */
const SHARE_STEP = 0.1;

/** A line for each change of state, and about one for each tenth of the work. */
class ProgressLines implements ProgressDisplay {
  private last: Progress | undefined;

  constructor(private readonly stream: WriteStream) {}

  update(progress: Progress): void {
    const { status, share = 0, details = [] } = progress;
    const { last } = this;
    const isNews = last?.status !== status || (share > 0 && last.share === undefined);
    if (!isNews && share - (last.share ?? 0) < SHARE_STEP && share < 1) return;
    if (!isNews && last.share === share) return;
    this.last = progress;
    const parts = [status, progress.share === undefined ? '' : percentOf(share), ...details.map(plainText)];
    this.say(parts.filter((part) => part !== '').join('  '));
  }

  say(sentence: string): void {
    this.stream.write(`${sentence}\n`);
  }

  [Symbol.dispose](): void {
    this.last = undefined;
  }
}
