/** Keywords every client and model provider understands. */
const KEYWORDS: ReadonlySet<string> = new Set([
  'type',
  'description',
  'properties',
  'required',
  'additionalProperties',
  'items',
  'enum',
  'default',
  'format',
  'contentEncoding',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'propertyNames',
  'anyOf',
]);

/** Where a schema uses what some client does not understand; empty when it is portable. */
export function unportable(schema: unknown, path = '#'): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const here = `${path}/${keyword}`;
    if (!KEYWORDS.has(keyword)) return [here];
    if (keyword === 'anyOf') return path === '#' ? [here] : each(value, here);
    if (keyword === 'properties') return each(value, here);
    if (keyword === 'items' || keyword === 'additionalProperties') return unportable(value, here);
    return [];
  });
}

const each = (schemas: unknown, path: string): string[] =>
  Object.entries(schemas as object).flatMap(([name, inner]) => unportable(inner, `${path}/${name}`));
