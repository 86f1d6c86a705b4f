/** Path from the root of a schema. */
export type SchemaPath = readonly (string | number)[];

/** A nested schema and its path. */
export interface Subschema {
  readonly path: SchemaPath;
  readonly schema: Readonly<Record<string, unknown>>;
}

const ONE: ReadonlySet<string> = new Set([
  'additionalItems',
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
]);
const LISTS: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'items', 'oneOf', 'prefixItems']);
const MAPS: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  'dependencies',
  'dependentSchemas',
  'patternProperties',
  'properties',
]);

/** Every nested schema, outer before inner; values that are not schemas are left out. */
export function* subschemas(root: Subschema['schema']): Generator<Subschema> {
  const left: Subschema[] = [{ path: [], schema: root }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    yield next;
    left.push(...innerOf(next).reverse());
  }
}

function innerOf({ path, schema }: Subschema): Subschema[] {
  const found = Object.entries(schema).flatMap(([keyword, value]): [SchemaPath, unknown][] => {
    if (Array.isArray(value) && LISTS.has(keyword))
      return value.map((item, index) => [[...path, keyword, index], item]);
    if (!isMapping(value)) return [];
    if (MAPS.has(keyword))
      return Object.entries(value).map(([name, inner]) => [[...path, keyword, name], inner]);
    return ONE.has(keyword) ? [[[...path, keyword], value]] : [];
  });
  return found.flatMap(([where, inner]) => (isMapping(inner) ? [{ path: where, schema: inner }] : []));
}

export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
