const LINES = 40;

/** The last lines a process wrote, for whoever has to find out why it failed. */
export class LogTail {
  private readonly lines: string[] = [];

  add(line: string): void {
    this.lines.push(line);
    if (this.lines.length > LINES) this.lines.shift();
  }

  /** The lines kept, the last one last. */
  get last(): readonly string[] {
    return this.lines;
  }

  /** A sentence followed by the lines, if there are any. */
  after(sentence: string): string {
    return [sentence, ...this.lines].join('\n');
  }
}
