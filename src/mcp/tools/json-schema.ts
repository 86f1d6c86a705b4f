import { z } from 'zod';

/** A Standard Schema that describes the input or output of a tool and accepts everything. */
export interface Advertised {
  /** Validates the arguments inside the pipeline. */
  readonly schema: z.ZodType;
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: 'cyberun';
    readonly validate: (value: unknown) => { readonly value: unknown };
    readonly jsonSchema: { readonly input: () => JsonSchema; readonly output: () => JsonSchema };
  };
}

/**
 * Publishes a schema without validating against it: {@link ToolInput} parses inputs inside the Nest pipeline,
 * after the guards.
 */
export function advertised(schema: z.ZodType): Advertised {
  const shown = {
    input: once(() => jsonSchemaOf(schema, 'input')),
    output: once(() => jsonSchemaOf(schema, 'output')),
  };
  return {
    schema,
    '~standard': { version: 1, vendor: 'cyberun', validate: (value) => ({ value }), jsonSchema: shown },
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** The used part of a JSON Schema. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/**
 * The published schema of a tool, without members that cost a model tokens and carry no information. An input takes
 * only the arguments it names, unless it says otherwise.
 */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  return io === 'input' ? closed(json as JsonSchema) : open(json as JsonSchema);
}

/** Without what says only that an object has further members, and with "this or null" as a choice of types. */
function open(schema: JsonSchema): JsonSchema {
  const { properties = {}, items, anyOf, additionalProperties, propertyNames: _anyText, ...rest } = schema;
  const [only, ...more] = withoutNull(anyOf ?? []);
  if (only && more.length === 0 && typeof only.type === 'string') {
    return { ...rest, ...open(only), type: [only.type, 'null'] };
  }
  return {
    ...rest,
    ...(Object.keys(properties).length > 0 && { properties: mapped(properties, open) }),
    ...(items && Object.keys(items).length > 0 && { items: open(items) }),
    ...(anyOf && { anyOf: anyOf.map(open) }),
    ...(isObject(additionalProperties) &&
      Object.keys(additionalProperties).length > 0 && { additionalProperties: open(additionalProperties) }),
    ...(additionalProperties === false && { additionalProperties }),
  };
}

/** Not within `allOf`, since no object satisfies two closed ones, nor within a choice, which is left to the library. */
function closed(schema: JsonSchema): JsonSchema {
  const { properties, $defs, items, additionalProperties, anyOf } = schema;
  const isOpen = additionalProperties !== undefined || schema.type !== 'object';
  return {
    ...schema,
    ...(properties && { properties: mapped(properties, closed) }),
    ...($defs && { $defs: mapped($defs, closed) }),
    ...(items && { items: closed(items) }),
    ...(isObject(additionalProperties) && { additionalProperties: closed(additionalProperties) }),
    ...(anyOf && withoutNull(anyOf).length === 1 && { anyOf: anyOf.map(closed) }),
    ...(!isOpen && { additionalProperties: false }),
  };
}

/** The schema that says what a value looks like: behind a reference, and behind "this or null". */
export function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  // Nearly every schema; this runs for each value of each call.
  if (schema.$ref === undefined && schema.anyOf === undefined) return schema;
  const target = schema.$ref === '#' ? root : root.$defs?.[schema.$ref?.replace('#/$defs/', '') ?? ''];
  if (target) return resolved(target, root);
  const [only, ...more] = withoutNull(schema.anyOf ?? []);
  if (!only || more.length > 0) return schema;
  const inner = resolved(only, root);
  return { ...inner, type: [...typesOf(inner), 'null'] };
}

/** The types a value may have; none when the schema does not say. */
export const typesOf = ({ type = [] }: JsonSchema): readonly string[] =>
  typeof type === 'string' ? [type] : type;

/** Whether an object may hold any key, with any value. */
export const isOpenObject = (schema: JsonSchema): boolean =>
  typesOf(schema).includes('object') &&
  isObject(schema.additionalProperties) &&
  Object.keys(schema.additionalProperties).length === 0;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const withoutNull = (schemas: readonly JsonSchema[]): JsonSchema[] =>
  schemas.filter(({ type }) => type !== 'null');

const mapped = <Value, Other>(
  values: Readonly<Record<string, Value>>,
  map: (value: Value) => Other,
): Record<string, Other> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
