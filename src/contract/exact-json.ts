/** In every supported Node, but not in the types of TypeScript. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => object };

/** A number that JavaScript may round: of 16 digits or more, or with a large exponent. */
const MAY_CHANGE = /(?:^|[[:,\s])-?\d{16}|\d[eE]\+?\d{3}/;

/**
 * Reads JSON as `JSON.parse` does, but keeps an integer that JavaScript would round, such as a 64-bit id, and a number
 * beyond its range as they were written: an object that `JSON.stringify` writes back unchanged.
 *
 * For values that are passed on without being read, such as the output of a task.
 */
export function parseExact(text: string): unknown {
  return MAY_CHANGE.test(text) ? (JSON.parse(text, asWritten) as unknown) : (JSON.parse(text) as unknown);
}

function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined) return value;
  const isInteger = /^-?\d+$/.test(source);
  return Number.isSafeInteger(value) || (!isInteger && Number.isFinite(value)) ? value : rawJSON(source);
}

/** Whether arrays and objects are nested more than so many levels deep. */
export function isNestedDeeper(value: unknown, levels: number): boolean {
  let level: object[] = isNested(value) ? [value] : [];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === levels) return true;
    level = level.flatMap((one) => Object.values(one).filter(isNested));
  }
  return false;
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;
