import { referencePath } from '../../contract/index.js';

type Parameters = Readonly<Record<string, unknown>>;

/**
 * The value with every reference in it replaced by what it refers to; a parameter that was left out is `undefined`.
 * Values are replaced whole and never become part of a longer text.
 */
export function resolve(value: unknown, parameters: Parameters): unknown {
  if (typeof value === 'string') {
    const path = referencePath(value);
    return path === undefined ? value : lookUp(path, parameters);
  }
  if (Array.isArray(value)) return value.map((item: unknown) => resolve(item, parameters));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner, parameters)]));
}

/** Name of the parameter that a value refers to. */
export function referenceIn(value: unknown): string | undefined {
  return typeof value === 'string' ? referencePath(value)?.join('.') : undefined;
}

/** The values as texts; a process knows nothing else. What was left out is missing here too. */
export function resolveTexts(values: Parameters, parameters: Parameters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values)
      .map(([name, value]) => [name, resolve(value, parameters)] as const)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, asText(value)]),
  );
}

/** How a value reads as an argument or a variable: texts as they are, objects as JSON, nothing as nothing. */
export function asText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function lookUp(path: readonly string[], from: unknown): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? Reflect.get(inner, key)
        : undefined,
    from,
  );
}
