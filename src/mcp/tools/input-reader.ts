import type { z } from 'zod';

import { invalidInput } from './invalid-input.js';
import { type JsonSchema, jsonSchemaOf } from './json-schema.js';
import { readArguments } from './read-arguments.js';

const readers = new WeakMap<z.ZodType, InputReader>();

/** Holds the arguments of a call against what the tool advertises: the one place for every tool. */
export class InputReader {
  private readonly shown: JsonSchema;

  private constructor(private readonly schema: z.ZodType) {
    this.shown = jsonSchemaOf(schema, 'input');
  }

  static of(schema: z.ZodType): InputReader {
    const reader = readers.get(schema) ?? new InputReader(schema);
    readers.set(schema, reader);
    return reader;
  }

  /** @throws {InvalidInput} that names every fault. */
  read(given: unknown): unknown {
    const read = readArguments(given ?? {}, this.shown);
    const { success, data, error } = this.schema.safeParse(read.value);
    if (success && read.unknown.length === 0) return data;
    throw invalidInput(read, error?.issues ?? [], this.shown);
  }
}
