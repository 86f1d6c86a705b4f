const NOWHERE = -1;

/** An entry of an {@link IndexedSet}, which alone sets the index. */
export interface Indexed {
  index?: number;
}

/**
 * A set for entries that are added and removed by the thousand. In a `Set` of V8, each rehash leaves a table behind
 * that keeps the next one alive until a full collection, and with it every request that was ever in it.
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

  /** The last entry moves to the index of the deleted one. Returns whether it was there. */
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

  /** A snapshot, so entries may be deleted meanwhile. */
  [Symbol.iterator](): IterableIterator<StoredEvent> {
    return [...this.entries].values();
  }
}
