import { z } from 'zod';

type JsonSchema = Record<string, unknown>;

/** A Standard Schema that says what a tool takes or gives, and lets everything pass. */
export interface Advertised {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: 'cyberun';
    readonly validate: (value: unknown) => { readonly value: unknown };
    readonly jsonSchema: { readonly input: () => JsonSchema; readonly output: () => JsonSchema };
  };
}

/**
 * Shows a schema to clients without holding anything against it: inputs are parsed inside the Nest pipeline, by
 * {@link ToolInput}, behind the guards.
 */
export function advertised(schema: z.ZodType): Advertised {
  const shown = { input: once(() => toJson(schema, 'input')), output: once(() => toJson(schema, 'output')) };
  return {
    '~standard': { version: 1, vendor: 'cyberun', validate: (value) => ({ value }), jsonSchema: shown },
  };
}

/** Leaves out what costs a model tokens and tells it nothing. */
function toJson(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
    },
  });
  return json;
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}
