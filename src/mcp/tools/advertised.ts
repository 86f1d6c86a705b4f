import type { z } from 'zod';

import { type JsonSchema, jsonSchemaOf } from './json-schema.js';

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
