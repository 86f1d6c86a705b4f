/** The value of a label for everything that has none of its own. */
export const OTHER = '_OTHER';

/**
 * The values of a label, up to a number; later ones become {@link OTHER}. Prometheus keeps a series for every value, and
 * so does this process.
 */
export class BoundedValues implements Iterable<string> {
  private readonly known = new Set<string>();

  constructor(private readonly most: number) {}

  labelOf(value: string): string {
    if (this.known.has(value)) return value;
    if (this.known.size >= this.most) return OTHER;
    this.known.add(value);
    return value;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.known.values();
  }
}
