import { z } from 'zod';

import { isPlainName } from '../mcp/index.js';

/** Where a task and its result have text that the task wrote. */
export const TASK_TEXTS = [
  'task_output',
  'task_error',
  'last_error',
  'task_warnings',
  'task_log',
  'progress',
];

/** The field of an output that {@link marked} adds. */
export const untrustedField = { untrusted: z.array(z.string()) };

/** The same fields of the items of a list. */
export const itemsOf = (list: string, fields: readonly string[]): readonly string[] =>
  fields.map((field) => `${list}[].${field}`);

/**
 * The answer with `untrusted` as its first field: where it has text of a task, a service or a log, so that a model takes
 * it for data. In the text of a result the same fields are fenced.
 *
 * @param paths of such fields; `list[].field` is that field of every item.
 */
export function marked<Answer extends object>(answer: Answer, paths: readonly string[]): Answer {
  const untrusted = paths.filter((path) => hasTextAt(answer, path.split('.')));
  return untrusted.length > 0 ? { untrusted, ...answer } : answer;
}

function hasTextAt(value: unknown, [step, ...rest]: readonly string[]): boolean {
  if (step === undefined) return hasText(value);
  if (typeof value !== 'object' || value === null) return false;
  const name = step.replace(/\[\]$/, '');
  const inner: unknown = Reflect.get(value, name);
  if (name === step) return hasTextAt(inner, rest);
  return Array.isArray(inner) && inner.some((item) => hasTextAt(item, rest));
}

/** Whether there are words in a value, or in the names of its fields: a number is none. */
function hasText(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  if (Array.isArray(value)) return value.some(hasText);
  if (typeof value !== 'object' || value === null) return false;
  // A number whose digits are kept is an object without a prototype.
  if (Object.getPrototypeOf(value) === null) return false;
  return Object.entries(value).some(([name, inner]) => !isPlainName(name) || hasText(inner));
}
