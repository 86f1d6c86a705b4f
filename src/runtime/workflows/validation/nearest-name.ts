import { closest, distance } from 'fastest-levenshtein';

const MOST_NAMES = 30;
const LONGEST_NAME = 60;

/** The most similar name, when one is similar enough. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  if (names.length === 0 || given.length > LONGEST_NAME) return undefined;
  const name = closest(
    given.toLowerCase(),
    names.map((each) => each.toLowerCase()),
  );
  const found = names.find((each) => each.toLowerCase() === name);
  return distance(given.toLowerCase(), name) <=
    (given.length < 4 ? 1 : Math.max(2, Math.floor(given.length / 3)))
    ? found
    : undefined;
}

/** The valid names in place of an unknown one, as the end of a sentence. */
export function validNames(given: string, names: readonly string[]): string {
  if (names.length === 0) return 'it takes none';
  const near = nearestName(given, names);
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  const list = `${names.slice(0, MOST_NAMES).join(', ')}${more}`;
  return near === undefined ? `the names are ${list}` : `did you mean "${near}"? The names are ${list}`;
}

/** A name shortened for a sentence. */
export const shown = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
