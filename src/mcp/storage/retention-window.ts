const MAX_ENTRIES = 1000;
const MAX_CHARACTERS = 1_048_576;

/** The stored part of a stream: its latest messages, up to a number and a length, and always the last one. */
export class RetentionWindow {
  private readonly lengths: number[] = [];
  private total = 0;
  private oldest = 1;

  /** Characters kept. */
  get length(): number {
    return this.total;
  }

  /** Adds a message; returns the sequence number of the oldest one in the window. */
  admit(message: string): number {
    this.lengths.push(message.length);
    this.total += message.length;
    while (this.lengths.length > 1 && this.isOverfull) {
      this.total -= this.lengths.shift() ?? 0;
      this.oldest += 1;
    }
    return this.oldest;
  }

  private get isOverfull(): boolean {
    return this.lengths.length > MAX_ENTRIES || this.total > MAX_CHARACTERS;
  }
}
