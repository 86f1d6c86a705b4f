import { distance } from 'fastest-levenshtein';

/** Share of a name that may differ. */
const TOLERANCE = 0.4;
const MOST_NAMES = 20;
const LONGEST_NAME = 100;

const plain = (name: string): string => name.toLowerCase().replaceAll(/[_.\s]/g, '-');

/** What to say about a name that does not exist: the one that was probably meant, else those that exist. */
export function suggestion(given: string, names: readonly string[], what: string): string {
  if (names.length === 0) return `There are no ${what}.`;
  const [best] = names
    .filter((name) => name.length <= LONGEST_NAME)
    .map((name) => ({
      name,
      share: distance(plain(given), plain(name)) / Math.max(given.length, name.length),
    }))
    .toSorted((one, other) => one.share - other.share);
  if (best && best.share <= TOLERANCE) return `Did you mean ${best.name}?`;
  const more = names.length > MOST_NAMES ? ', …' : '';
  return `The ${what} are: ${names.slice(0, MOST_NAMES).join(', ')}${more}.`;
}
