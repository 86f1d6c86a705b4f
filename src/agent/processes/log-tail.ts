/** Lines and characters of the log that an error message shows. */
const ERROR_LINES = 40;
const ERROR_CHARACTERS = 12_000;
/** At least so many characters of the log are kept. */
const LOG_CHARACTERS = 64 * 1024;

/** The last of what processes wrote, to find out why they failed or what they did. */
export class LogTail {
  private readonly lines: string[] = [];
  private length = 0;
  private isCut = false;

  add(line: string): void {
    this.lines.push(line);
    this.length += line.length + 1;
    for (let first = this.lines[0] ?? ''; this.length - first.length - 1 >= LOG_CHARACTERS;) {
      this.lines.shift();
      this.length -= first.length + 1;
      this.isCut = true;
      first = this.lines[0] ?? '';
    }
  }

  /** The last lines, as many as an error message shows. */
  get last(): readonly string[] {
    let first = this.lines.length;
    let left = ERROR_CHARACTERS;
    while (first > 0 && this.lines.length - first < ERROR_LINES) {
      left -= (this.lines[first - 1] ?? '').length + 1;
      if (left < 0) break;
      first -= 1;
    }
    return this.lines.slice(first);
  }

  /** A sentence followed by the last lines, if there are any. */
  after(sentence: string): string {
    return [sentence, ...this.last].join('\n');
  }

  /** All that is kept; a first line says so when it is not all that was written. */
  text(): string {
    const lines = this.isCut ? ['[earlier lines are not kept]', ...this.lines] : this.lines;
    return lines.map((line) => `${line}\n`).join('');
  }
}
