const NOWHERE = -1;

/** Something that may be on a roster; its place is the roster's business. */
export interface Listed {
  place?: number;
}

/**
 * What comes and goes by the thousand. A Set would do, were it not for V8: each time a Set makes room, the table it
 * leaves behind keeps the next one alive until a full collection, and so every request that was ever in it.
 */
export class Roster<Entry extends Listed> {
  private readonly entries: Entry[] = [];

  get size(): number {
    return this.entries.length;
  }

  add(entry: Entry): void {
    entry.place = this.entries.length;
    this.entries.push(entry);
  }

  /** The last one takes the place of the one that leaves. Returns whether it was there. */
  delete(entry: Entry): boolean {
    const { place = NOWHERE } = entry;
    if (this.entries[place] !== entry) return false;
    entry.place = NOWHERE;
    const last = this.entries.pop();
    if (last !== undefined && last !== entry) {
      last.place = place;
      this.entries[place] = last;
    }
    return true;
  }

  /** Those of this moment, whoever leaves meanwhile. */
  [Symbol.iterator](): IterableIterator<Entry> {
    return [...this.entries].values();
  }
}
