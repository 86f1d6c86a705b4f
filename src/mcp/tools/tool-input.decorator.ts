import type { PipeTransform } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { MCP_TOOL_METADATA_KEY, type ToolMetadata } from '@rekog/mcp-nest';
import type { z } from 'zod';

import type { Advertised } from './advertised.js';
import { invalidInput } from './invalid-input.js';
import { type JsonSchema, jsonSchemaOf } from './json-schema.js';
import { readArguments } from './read-arguments.js';

const READS_INPUT = 'cyberun:reads-input';

/** Parses the arguments of a call inside the Nest pipeline, so that guards come first. */
class ToolInputPipe implements PipeTransform<unknown> {
  constructor(private readonly reader: InputReader) {}

  transform(value: unknown): unknown {
    return this.reader.read(value);
  }
}

/** The parsed arguments of the call; invalid ones become an error that names each of them and its rule. */
export const ToolInput =
  (schema: z.ZodType): ParameterDecorator =>
  (target, key, index) => {
    Payload(new ToolInputPipe(InputReader.of(schema)))(target, key, index);
    Reflect.defineMetadata(READS_INPUT, true, Reflect.get(target, key ?? 'constructor') as object);
  };

/** The reader for a tool with an advertised input whose method does not read it; else `undefined`. */
export function unreadInputOf(method: object): InputReader | undefined {
  if (Reflect.getMetadata(READS_INPUT, method) === true) return undefined;
  const tool = Reflect.getMetadata(MCP_TOOL_METADATA_KEY, method) as Partial<ToolMetadata> | undefined;
  const { schema } = (tool?.parameters ?? {}) as Partial<Advertised>;
  return schema && InputReader.of(schema);
}

const readers = new WeakMap<z.ZodType, InputReader>();

/** Validates the arguments of a call against the advertised schema, for every tool. */
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

  /** @throws {InvalidInput} that names every error. */
  read(given: unknown): unknown {
    const read = readArguments(given ?? {}, this.shown);
    const { success, data, error } = this.schema.safeParse(read.value);
    if (success && read.unknown.length === 0) return data;
    throw invalidInput(read, error?.issues ?? [], this.shown);
  }
}
