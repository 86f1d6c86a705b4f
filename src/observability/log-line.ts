/**
 * A log record for people: `message`, then `name=value` for every other field that is defined. The stack of an error
 * follows on lines of its own.
 *
 * @param ids more fields; those of the record win.
 */
export function logLine(record: unknown, ids: Readonly<Record<string, string>> = {}): unknown {
  if (Array.isArray(record)) return record;
  const isObject = typeof record === 'object' && record !== null;
  const given: Record<string, unknown> = isObject ? { ...record } : { message: record };
  if (!isObject && Object.keys(ids).length === 0) return record;
  const { message, ...own } = given;
  const fields = { ...own, ...ids, ...own };
  const stacks: string[] = [];
  const words = Object.entries(fields)
    .filter(([name, value]) => value !== undefined && name !== 'stack')
    .map(([name, value]) => `${name}=${text(value, stacks)}`);
  if (typeof fields['stack'] === 'string') stacks.push(fields['stack']);
  const line = [...(message === undefined ? [] : [text(message, stacks)]), ...words].join(' ');
  return [line, ...stacks].join('\n');
}

function text(value: unknown, stacks: string[]): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'stack' in value) {
    const { stack, message } = value as { stack?: unknown; message?: unknown };
    if (typeof stack === 'string') stacks.push(stack);
    return JSON.stringify(message);
  }
  return JSON.stringify(value);
}
