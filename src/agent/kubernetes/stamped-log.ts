/**
 * Reads the log of a container in the form `{time} {line}`, in pieces of any length. What is known already is left out: a log
 * is asked for again from the beginning of a second. The times are as long as each other, so that their order is that of
 * their texts; many lines may have the same time, since CRI-O gives one to all that it reads at once.
 */
export class StampedLog {
  private incomplete = '';
  private isInLine = false;
  private isKnown = false;
  private readonly known: LogPosition;
  private last: LogPosition;
  /** Lines that have come of the time up to which the log is known. */
  private repeated = 0;

  /** @param after the position up to which the log is known; empty: nothing of it. */
  constructor(after: string) {
    this.known = positionOf(after);
    this.last = this.known;
  }

  /** How far the log is read now, including a line that has begun. */
  get position(): string {
    const { time, lines } = this.last;
    return `${time} ${lines}`;
  }

  /** The lines in a piece that are not known yet, without their times. */
  read(piece: string): string {
    const text = this.incomplete + piece;
    this.incomplete = '';
    const parts: string[] = [];
    for (let at = 0; at < text.length;) {
      const begin = this.isInLine ? at : this.skipTime(text, at);
      if (begin === undefined) {
        this.incomplete = text.slice(at);
        break;
      }
      const lineEnd = text.indexOf('\n', begin);
      this.isInLine = lineEnd < 0;
      at = this.isInLine ? text.length : lineEnd + 1;
      if (!this.isKnown) parts.push(text.slice(begin, at));
    }
    return parts.join('');
  }

  /** Where the text of a line begins; `undefined` when its time is not complete. */
  private skipTime(text: string, at: number): number | undefined {
    const end = text.indexOf(' ', at);
    if (end < 0) return undefined;
    const time = text.slice(at, end);
    this.isKnown = this.knows(time);
    if (!this.isKnown) this.count(time);
    return end + 1;
  }

  private knows(time: string): boolean {
    if (time !== this.known.time) return time < this.known.time;
    this.repeated += 1;
    return this.repeated <= this.known.lines;
  }

  /** A clock may be set back, and the position stays then. */
  private count(time: string): void {
    const { last } = this;
    if (time > last.time) this.last = { time, lines: 1 };
    else if (time === last.time) this.last = { time, lines: last.lines + 1 };
  }
}

/** A place in the log of a container, as text `{time} {lines}`. */
interface LogPosition {
  /** Of the last line. */
  readonly time: string;
  /** Lines of this time. */
  readonly lines: number;
}

/** The pod of an earlier version tells the time alone. */
function positionOf(text: string): LogPosition {
  const [time = '', lines] = text.split(' ');
  return { time, lines: lines === undefined ? Infinity : Number(lines) };
}

/** The time of a position. */
export const timeIn = (position: string): string => positionOf(position).time;
