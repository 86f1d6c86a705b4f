/**
 * Reads the log of a container in the form `{time} {line}`, in pieces of any length. What was written up to a time is
 * left out: a log is asked for again from the beginning of a second. The times are as long as each other, so that their order
 * is that of their texts.
 */
export class StampedLog {
  private incomplete = '';
  private isInLine = false;
  private isKnown = false;

  /** @param last time of the last line that is known; empty: none. */
  constructor(private last: string) {}

  /** Time of the last line that has begun. */
  get time(): string {
    return this.last;
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
    this.isKnown = time <= this.last;
    if (!this.isKnown) this.last = time;
    return end + 1;
  }
}
