import { distance } from 'fastest-levenshtein';

/** Longer names are no typing errors, and comparing them is expensive. */
const LONGEST_NAME = 100;
const MOST_NAMES = 3;
/** Share of a name that may differ. */
const TOLERANCE = 1 / 3;

/** The names that were probably meant by `given`, best first; none when nothing looks like it. */
export function nearest(given: string, names: Iterable<string>): string[] {
  if (given.length === 0 || given.length > LONGEST_NAME) return [];
  return [...names]
    .map((name) => ({ name, difference: differenceOf(given, name) }))
    .filter(({ difference }) => difference <= TOLERANCE)
    .toSorted((one, other) => one.difference - other.difference)
    .slice(0, MOST_NAMES)
    .map(({ name }) => name);
}

/** 0 for the same name, 1 for one that has nothing in common with it; a name inside the other is near. */
function differenceOf(given: string, name: string): number {
  if (name.length > LONGEST_NAME) return 1;
  const [one, other] = [plain(given), plain(name)];
  const written = distance(one, other) / Math.max(one.length, other.length);
  return isWithin(one, other) || isWithin(other, one) ? Math.min(written, TOLERANCE) : written;
}

/** Whether every word of `part` is one of `whole`. */
function isWithin(part: string, whole: string): boolean {
  const words = new Set(whole.split('-'));
  return part.split('-').every((word) => words.has(word));
}

/** `bodyBase64` and `BODY_BASE64` are `body-base64`. */
const plain = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll(/[_.\s]+/g, '-')
    .toLowerCase();
