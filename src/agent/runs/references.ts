import { referencePath } from '../../contract/index.js';

export type Parameters = Readonly<Record<string, unknown>>;

/**
 * Replaces every reference in a value; a missing parameter becomes `undefined`. References are whole values, never part
 * of a longer text.
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

/** Name of the parameter that a value references. */
export function referenceIn(value: unknown): string | undefined {
  return typeof value === 'string' ? referencePath(value)?.join('.') : undefined;
}

/** The values as strings; missing parameters are left out. */
export function resolveTexts(values: Parameters, parameters: Parameters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values)
      .map(([name, value]) => [name, resolve(value, parameters)] as const)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, asText(value)]),
  );
}

/** A value as an argument or variable: strings unchanged, null and undefined empty, everything else as JSON. */
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
