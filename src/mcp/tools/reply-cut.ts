import { isPlainName } from './result-text.js';

/** A value that was cut to a size, and sentences about what is missing. */
interface CutValue<Value> {
  readonly value: Value;
  readonly cuts: readonly string[];
}

/** Bytes of the punctuation around a field, and around an item. */
const FIELD = 4;
const ITEM = 1;
/** An object with more fields is a map: its first entries are kept, as of a list. */
const MOST_FIELDS = 100;
const MOST_CUTS = 5;

/**
 * Cuts a value to about so many bytes of JSON, at borders that keep it readable: whole items of lists, whole entries of maps,
 * whole lines of texts. Small fields stay; what is large shares what is left.
 */
export function cutTo<Value extends object>(value: Value, bytes: number): CutValue<Value> {
  const cutter = new Cutter();
  const cut = cutter.cut(value, bytes, '') as Value;
  return { value: cut, cuts: cutter.cuts };
}

class Cutter {
  readonly cuts: string[] = [];
  private readonly sizes = new Map<object, number>();

  cut(value: unknown, bytes: number, path: string): unknown {
    if (this.sizeOf(value) <= bytes) return value;
    if (typeof value === 'string') return this.cutText(value, bytes, path);
    if (Array.isArray(value) && value.length > 0) return this.cutList(value, bytes, path);
    return isRecord(value) ? this.cutRecord(value, bytes, path) : value;
  }

  private cutText(text: string, bytes: number, path: string): string {
    const kept = wholeLines(text.slice(0, Math.floor((text.length * bytes) / this.sizeOf(text))));
    this.note(path, `the first ${count(kept.length)} of ${count(text.length)} characters`);
    return kept;
  }

  private cutList(list: readonly unknown[], bytes: number, path: string): unknown[] {
    const kept: unknown[] = [];
    let left = bytes - 2;
    for (const item of list) {
      const size = this.sizeOf(item) + ITEM;
      if (size > left) break;
      kept.push(item);
      left -= size;
    }
    if (list.length > 1)
      this.note(path, `the first ${count(kept.length || 1)} of ${count(list.length)} items`);
    return kept.length > 0 ? kept : [this.cut(list[0], left, `${path}/0`)];
  }

  private cutRecord(record: Record<string, unknown>, bytes: number, path: string): object {
    const entries = Object.entries(record);
    if (entries.length > MOST_FIELDS) return this.cutMap(entries, bytes, path);
    const shares = this.sharesOf(entries, bytes);
    return Object.fromEntries(
      entries.map(([key, value]) => [
        key,
        this.cut(value, shares.get(key) ?? 0, `${path}/${isPlainName(key) ? key : '…'}`),
      ]),
    );
  }

  /** What each field may take: the small ones their size, the others equal parts of the rest. */
  private sharesOf(entries: readonly [string, unknown][], bytes: number): ReadonlyMap<string, number> {
    let left = bytes - 2 - entries.reduce((sum, [key]) => sum + sizeOfText(key) + FIELD, 0);
    const shares = new Map<string, number>();
    const bySize = entries
      .map(([key, value]) => ({ key, size: this.sizeOf(value) }))
      .sort((one, other) => one.size - other.size);
    for (const [index, { key, size }] of bySize.entries()) {
      const share = Math.min(size, Math.max(0, Math.floor(left / (bySize.length - index))));
      shares.set(key, share);
      left -= share;
    }
    return shares;
  }

  private cutMap(entries: readonly [string, unknown][], bytes: number, path: string): object {
    const kept: [string, unknown][] = [];
    let left = bytes - 2;
    for (const entry of entries) {
      const size = sizeOfText(entry[0]) + FIELD + this.sizeOf(entry[1]);
      if (size > left) break;
      kept.push(entry);
      left -= size;
    }
    this.note(path, `the first ${count(kept.length)} of ${count(entries.length)} entries`);
    return Object.fromEntries(kept);
  }

  private note(path: string, what: string): void {
    if (this.cuts.length < MOST_CUTS) this.cuts.push(`${path === '' ? 'it' : path} has ${what}`);
  }

  /** About the bytes of the value as JSON; of nested values remembered, since each level asks again. */
  private sizeOf(value: unknown): number {
    if (typeof value === 'string') return sizeOfText(value) + 2;
    if (typeof value !== 'object' || value === null) return String(value).length;
    const known = this.sizes.get(value);
    if (known !== undefined) return known;
    const size = this.sizeOfObject(value);
    this.sizes.set(value, size);
    return size;
  }

  private sizeOfObject(value: object): number {
    if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + this.sizeOf(item) + ITEM, 2);
    // A number whose digits are kept.
    if (!isRecord(value)) return JSON.stringify(value).length;
    return Object.entries(value).reduce(
      (sum, [key, inner]) => sum + sizeOfText(key) + FIELD + this.sizeOf(inner),
      2,
    );
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.getPrototypeOf(value) === Object.prototype;

/** Without what JSON escapes, which would need a copy of the text. */
const sizeOfText = (text: string): number => Buffer.byteLength(text);

/** A text up to the end of its last whole line, if that does not cost half of it. */
function wholeLines(text: string): string {
  const end = text.lastIndexOf('\n') + 1;
  const kept = end > text.length / 2 ? text.slice(0, end) : text;
  return /[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept;
}

const count = (number: number): string => number.toLocaleString('en');
