import type { z } from 'zod';

import { type JsonSchema, jsonSchemaOf } from './json-schema.js';

/** A Standard Schema that says what a tool takes or gives, and lets everything pass. */
export interface Advertised {
  /** What the arguments are held against inside the pipeline. */
  readonly schema: z.ZodType;
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
