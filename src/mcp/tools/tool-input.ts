import type { PipeTransform } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { MCP_TOOL_METADATA_KEY, type ToolMetadata } from '@rekog/mcp-nest';
import type { z } from 'zod';

import { InvalidInput } from '../protocol/index.js';
import { invalidInput } from './invalid-input.js';
import {
  type Advertised,
  isObject,
  type JsonSchema,
  jsonSchemaOf,
  resolved,
  typesOf,
} from './json-schema.js';

/**
 * Far more than arguments need, and far below the depth at which JSON.stringify, structuredClone and validators fail.
 */
const DEEPEST = 256;
const TOO_DEEP = `must not be nested more than ${DEEPEST} levels deep`;
/** As a member it would set the prototype of a copy; libraries drop it silently. */
const PROTOTYPE = '__proto__';
const NOT_A_NAME = 'is not a name that an argument can have';

/**
 * Rejects arguments that later code could not process.
 *
 * @throws {InvalidInput}
 */
export function requireSoundShape(args: unknown): void {
  if (!isNested(args)) return;
  for (const name of Object.keys(args)) {
    const message = faultOf(name, args, DEEPEST);
    if (message !== undefined) throw new InvalidInput([{ path: [name], message }]);
  }
}

function faultOf(name: string, parent: object, levels: number): string | undefined {
  if (name === PROTOTYPE) return NOT_A_NAME;
  const value: unknown = Reflect.get(parent, name);
  return isNested(value) ? faultIn(value, levels) : undefined;
}

function faultIn(value: object, levels: number): string | undefined {
  if (levels === 0) return TOO_DEEP;
  if (Array.isArray(value)) return faultInList(value, levels);
  for (const name of Object.keys(value)) {
    const message = faultOf(name, value, levels - 1);
    if (message !== undefined) return name === PROTOTYPE ? `${PROTOTYPE} ${message}` : message;
  }
  return undefined;
}

function faultInList(list: readonly unknown[], levels: number): string | undefined {
  for (const item of list) {
    const message = isNested(item) ? faultIn(item, levels - 1) : undefined;
    if (message !== undefined) return message;
  }
  return undefined;
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;

/**
 * Cursor gives every tool without inputs this argument ("Dummy parameter for no-parameter tools"), and models fill it
 * in; many public servers declare it for that reason.
 */
const INVENTED_ARGUMENT = 'random_string';
/** Text that holds deeper JSON stays text: what reads the value later may recurse. */
const DEEPEST_TEXT = 64;

type Path = readonly (string | number)[];

/** A key that a closed schema does not name. */
export interface UnknownKey {
  readonly key: string;
  readonly path: Path;
  readonly within: JsonSchema;
}

/** Arguments as the tool is to see them, and the keys that it does not take. */
export interface ReadArguments {
  readonly value: unknown;
  readonly unknown: readonly UnknownKey[];
}

/**
 * Normalizes arguments as clients send them: an optional one that is null is absent; an object, list, number or boolean
 * may be JSON text where no text is expected. Unknown keys are reported and never ignored.
 */
function readArguments(given: unknown, root: JsonSchema): ReadArguments {
  const unknown: UnknownKey[] = [];
  const value = new ArgumentReader(root, unknown).read(given, root);
  if (unknown.length === 0) return { value, unknown };
  // With one argument too: the client may have listed the tools of an older version, in which there was none.
  const takesLittle = Object.keys(root.properties ?? {}).length <= 1 && (root.required ?? []).length === 0;
  const isTolerated = ({ key, path }: UnknownKey): boolean =>
    takesLittle && path.length === 0 && key === INVENTED_ARGUMENT;
  return { value, unknown: unknown.filter((each) => !isTolerated(each)) };
}

/** In place of a value: the key is not among the arguments. */
const LEFT_OUT = Symbol('left out');

class ArgumentReader {
  /** Of the value at hand. */
  private readonly path: (string | number)[] = [];

  constructor(
    private readonly root: JsonSchema,
    private readonly unknown: UnknownKey[],
  ) {}

  read(given: unknown, declared: JsonSchema): unknown {
    const schema = resolved(declared, this.root);
    const types = typesOf(schema);
    const value = typeof given === 'string' ? fromJsonText(given, types) : given;
    const { items } = schema;
    if (Array.isArray(value) && items) return value.map((item, index) => this.readAt(index, item, items));
    return isObject(value) && types.includes('object') ? this.readObject(value, schema) : value;
  }

  private readAt(place: string | number, given: unknown, declared: JsonSchema): unknown {
    this.path.push(place);
    const read = this.read(given, declared);
    this.path.pop();
    return read;
  }

  /** The object itself, unless a value of it changes. */
  private readObject(given: Record<string, unknown>, schema: JsonSchema): object {
    const entries: [string, unknown][] = [];
    let isChanged = false;
    for (const key of Object.keys(given)) {
      const read = this.readMember(key, given[key], schema);
      if (read !== LEFT_OUT) entries.push([key, read]);
      if (read !== given[key]) isChanged = true;
    }
    return isChanged ? Object.fromEntries(entries) : given;
  }

  private readMember(key: string, value: unknown, schema: JsonSchema): unknown {
    const { properties = {}, required = [], additionalProperties = {} } = schema;
    const named = Object.hasOwn(properties, key) ? properties[key] : undefined;
    // An open object cannot take this key either: zod drops it without a word.
    if (!named && (additionalProperties === false || key === PROTOTYPE)) {
      this.unknown.push({ key, path: [...this.path], within: schema });
      return LEFT_OUT;
    }
    const read = this.readAt(
      key,
      value,
      named ?? (isObject(additionalProperties) ? additionalProperties : {}),
    );
    const isAbsent = read === null && named && !required.includes(key) && !this.admitsNull(named);
    return isAbsent ? LEFT_OUT : read;
  }

  private admitsNull(declared: JsonSchema): boolean {
    const types = typesOf(resolved(declared, this.root));
    return types.length === 0 || types.includes('null');
  }
}

/** The value that JSON text stands for, where a value of its type is wanted and text is not; else the text. */
export function fromJsonText(text: string, wanted: readonly string[]): unknown {
  if (wanted.length === 0 || wanted.includes('string')) return text;
  try {
    const value: unknown = JSON.parse(text);
    return (value === null || isOneOf(value, wanted)) && isShallow(value) ? value : text;
  } catch {
    return text;
  }
}

function isOneOf(value: unknown, types: readonly string[]): boolean {
  if (typeof value === 'number') return types.includes('number') || types.includes('integer');
  return types.includes(Array.isArray(value) ? 'array' : typeof value);
}

function isShallow(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST_TEXT) return false;
    level = level.flatMap((each): unknown[] =>
      typeof each === 'object' && each !== null ? Object.values(each) : [],
    );
  }
  return true;
}

const READS_INPUT = 'cyberun:reads-input';

/** The parsed arguments of the call; invalid ones become an error that names each of them and its rule. */
export const ToolInput =
  (schema: z.ZodType): ParameterDecorator =>
  (target, key, index) => {
    Payload(InputReader.of(schema))(target, key, index);
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

/**
 * Parses the arguments of a call against the advertised schema; a pipe, so that the guards of the Nest pipeline come
 * first.
 */
class InputReader implements PipeTransform<unknown> {
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
  transform(given: unknown): unknown {
    const read = readArguments(given ?? {}, this.shown);
    const { success, data, error } = this.schema.safeParse(read.value);
    if (success && read.unknown.length === 0) return data;
    throw invalidInput(read, error?.issues ?? [], this.shown);
  }
}
