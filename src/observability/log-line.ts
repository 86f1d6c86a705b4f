/**
 * A log record for people: `message`, then `name=value` for every other field that is defined. The stack of an error
 * follows on lines of its own.
 */
export function logLine(record: unknown): unknown {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return record;
  const { message, ...fields } = record as Record<string, unknown>;
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
