/** Fields that may hold a secret or tell about a host; the Runtime API shows them, a model must not see them. */
const HIDDEN: ReadonlySet<string> = new Set(['env_value', 'host_path']);
const MASK = '[hidden]';

/** A copy in which every hidden field, at any depth, says only that it is there. */
export function masked<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(masked) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, HIDDEN.has(key) ? MASK : masked(inner as unknown)]),
  ) as Value;
}
