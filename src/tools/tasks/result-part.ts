import type { TaskResult } from '../../contract/index.js';
import { ToolError } from '../../mcp/index.js';

/** Download links in one reply; each has about 200 tokens with its signature. */
const MOST_FILES = 50;
const MOST_NAMES = 20;

/** Which part of a result a caller asks for. */
interface AskedPart {
  /** JSON Pointer (RFC 6901) into `task_output`. */
  readonly output_path?: string | undefined;
  /** Items, entries or characters of that value to skip. */
  readonly output_offset?: number | undefined;
  /** Files to skip. */
  readonly files_offset?: number | undefined;
}

export const HOW_TO_READ_ON =
  'To read on, call get_task_result with output_path (JSON Pointer into task_output, such as /rows) and output_offset (how many of its items, entries or characters to skip).';

/**
 * The asked part of a result, with at most {@link MOST_FILES} links.
 *
 * @throws {ToolError} when there is no such part.
 */
export function partOf(
  result: TaskResult,
  { output_path = '', output_offset = 0, files_offset = 0 }: AskedPart,
) {
  const isPart = output_path !== '' || output_offset > 0;
  const files = filesOf(result, files_offset);
  return {
    ...result,
    ...(isPart && { task_output: skipped(at(result.task_output, output_path), output_offset) }),
    ...files,
  };
}

function filesOf({ download_urls }: TaskResult, offset: number) {
  const entries = Object.entries(download_urls ?? {});
  if (entries.length <= MOST_FILES && offset === 0) return {};
  const shown = entries.slice(offset, offset + MOST_FILES);
  const next = offset + shown.length;
  const note =
    next < entries.length
      ? `download_urls has ${shown.length} of ${entries.length} files; call again with files_offset ${next} for the next.`
      : `download_urls has the last ${shown.length} of ${entries.length} files.`;
  return { download_urls: Object.fromEntries(shown), note };
}

function at(output: unknown, pointer: string): unknown {
  if (pointer !== '' && !pointer.startsWith('/'))
    throw new ToolError(
      `Invalid input. output_path: must be a JSON Pointer such as /rows/0/name; it begins with "/".`,
    );
  const steps = pointer.split('/').slice(1);
  return steps.reduce<unknown>((value, step, index) => {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, key))
      return Reflect.get(value, key);
    throw new ToolError(noSuchPart(value, `/${steps.slice(0, index + 1).join('/')}`));
  }, output);
}

function noSuchPart(value: unknown, pointer: string): string {
  const what = `Invalid input. output_path: the result has nothing at ${pointer}`;
  if (Array.isArray(value)) return `${what}; there is a list of ${value.length} items, from 0.`;
  if (typeof value !== 'object' || value === null) return `${what}; there is a single value.`;
  const names = Object.keys(value);
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : '';
  return `${what}; there are: ${names.slice(0, MOST_NAMES).join(', ')}${more}.`;
}

function skipped(value: unknown, offset: number): unknown {
  if (offset === 0) return value;
  if (Array.isArray(value) || typeof value === 'string') return value.slice(offset);
  if (typeof value !== 'object' || value === null)
    throw new ToolError(
      'Invalid input. output_offset: this part of the result is a single value; leave it out.',
    );
  return Object.fromEntries(Object.entries(value).slice(offset));
}
