import { z } from 'zod';

/** Argument of the tools that list: which fields each item has. */
export const responseFormat = z
  .enum(['concise', 'detailed'])
  .optional()
  .describe('detailed: all fields of each item; default concise');

type Item = Readonly<Record<string, unknown>>;

/** A list whose items are reduced by `concise`, unless the caller wants all of their fields. */
export function inFormat<List extends object, Key extends keyof List>(
  list: List,
  format: 'concise' | 'detailed' | undefined,
  { key, concise }: { readonly key: Key; readonly concise: (item: ItemOf<List[Key]>) => Item },
): object {
  if (format === 'detailed') return list;
  return {
    ...list,
    [key]: (list[key] as readonly ItemOf<List[Key]>[]).map((item) => present(concise(item))),
  };
}

type ItemOf<List> = List extends readonly (infer One)[] ? One : never;

/** The fields that say something. */
const present = (item: Item): Item =>
  Object.fromEntries(Object.entries(item).filter(([, value]) => !isEmpty(value)));

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** A time to the minute. */
export const briefTime = (time: string | null | undefined): string | null | undefined =>
  time?.replace(/(T\d\d:\d\d):\d\d(\.\d+)?(?=Z|[+-])/, '$1');

/** At most so many characters; what is cut shows as `…`. */
export function brief(text: string | null | undefined, longest: number): string | null | undefined {
  if (!text || text.length <= longest) return text;
  return `${text
    .slice(0, longest - 1)
    .toWellFormed()
    .trimEnd()}…`;
}
