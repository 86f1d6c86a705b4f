const NOWHERE = -1;

/** Something that may be on a roster; its place is the roster's business. */
export interface Indexed {
  index?: number;
}

/**
 * What comes and goes by the thousand. A Set would do, were it not for V8: each time a Set makes room, the table it
 * leaves behind keeps the next one alive until a full collection, and so every request that was ever in it.
 */
export class IndexedSet<StoredEvent extends Indexed> {
  private readonly entries: StoredEvent[] = [];

  get size(): number {
    return this.entries.length;
  }

  add(entry: StoredEvent): void {
    entry.index = this.entries.length;
    this.entries.push(entry);
  }

  /** The last one takes the place of the one that leaves. Returns whether it was there. */
  delete(entry: StoredEvent): boolean {
    const { index = NOWHERE } = entry;
    if (this.entries[index] !== entry) return false;
    entry.index = NOWHERE;
    const last = this.entries.pop();
    if (last !== undefined && last !== entry) {
      last.index = index;
      this.entries[index] = last;
    }
    return true;
  }

  /** Those of this moment, whoever leaves meanwhile. */
  [Symbol.iterator](): IterableIterator<StoredEvent> {
    return [...this.entries].values();
  }
}
