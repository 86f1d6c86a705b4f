import { isObject, type JsonSchema, resolved, typesOf } from './json-schema.js';

/**
 * Cursor gives every tool without inputs this argument ("Dummy parameter for no-parameter tools"), and models fill it
 * in; many public servers declare it for that reason.
 */
const INVENTED_ARGUMENT = 'random_string';
/** Text that holds deeper JSON stays text: what reads the value later may recurse. */
const DEEPEST_TEXT = 64;

export type Path = readonly (string | number)[];

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
export function readArguments(given: unknown, root: JsonSchema): ReadArguments {
  const unknown: UnknownKey[] = [];
  const value = new ArgumentReader(root, unknown).read(given, root, []);
  if (unknown.length === 0) return { value, unknown };
  const isEmpty = root.additionalProperties === false && Object.keys(root.properties ?? {}).length === 0;
  const isTolerated = ({ key, path }: UnknownKey): boolean =>
    isEmpty && path.length === 0 && key === INVENTED_ARGUMENT;
  return { value, unknown: unknown.filter((each) => !isTolerated(each)) };
}

class ArgumentReader {
  constructor(
    private readonly root: JsonSchema,
    private readonly unknown: UnknownKey[],
  ) {}

  read(given: unknown, declared: JsonSchema, path: Path): unknown {
    const schema = resolved(declared, this.root);
    const types = typesOf(schema);
    const value = typeof given === 'string' ? fromJsonText(given, types) : given;
    const { items } = schema;
    if (Array.isArray(value) && items) {
      return value.map((item, index) => this.read(item, items, [...path, index]));
    }
    return isObject(value) && types.includes('object') ? this.readObject(value, schema, path) : value;
  }

  private readObject(given: Record<string, unknown>, schema: JsonSchema, path: Path): object {
    const { properties = {}, required = [], additionalProperties = {} } = schema;
    const entries: [string, unknown][] = [];
    for (const [key, value] of Object.entries(given)) {
      const named = Object.hasOwn(properties, key) ? properties[key] : undefined;
      // An open object cannot take this key either: zod drops it without a word.
      if (!named && (additionalProperties === false || key === '__proto__')) {
        this.unknown.push({ key, path, within: schema });
        continue;
      }
      const inner = named ?? (isObject(additionalProperties) ? additionalProperties : {});
      const read = this.read(value, inner, [...path, key]);
      const isAbsent = read === null && named && !required.includes(key) && !this.admitsNull(named);
      if (!isAbsent) entries.push([key, read]);
    }
    return Object.fromEntries(entries);
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
