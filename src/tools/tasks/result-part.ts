import { z } from 'zod';

import type { TaskResult } from '../../contract/index.js';
import { isPlainName, ToolError } from '../../mcp/index.js';

/** Files of one reply, and bytes of their links: those of some runtimes have 600 with their signature. */
const MOST_FILES = 50;
const MOST_LINK_BYTES = 10_000;
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
 * The asked part of a result, with each link once, and with so many files that their links fit a reply.
 *
 * @throws {ToolError} when there is no such part.
 */
export function partOf(
  result: TaskResult,
  { output_path = '', output_offset = 0, files_offset = 0 }: AskedPart,
) {
  const isPart = output_path !== '' || output_offset > 0;
  const { download_url, ...rest } = result;
  const isNamed = Object.values(result.download_urls ?? {}).includes(download_url ?? '');
  return {
    ...rest,
    ...(!isNamed && { download_url }),
    ...filesOf(result, files_offset, isPart),
    ...(isPart && { task_output: skipped(at(result.task_output, output_path), output_offset) }),
  };
}

/** A window of the files, in all fields that have something about each of them. */
function filesOf({ download_urls, file_keys, task_output }: TaskResult, offset: number, isPart: boolean) {
  const entries = Object.entries(download_urls ?? {});
  if (offset > 0 && offset >= entries.length)
    throw new ToolError(
      `Invalid input. files_offset: is ${offset}, but the result has ${entries.length} files.`,
    );
  const shown = fitting(entries.slice(offset));
  if (shown.length === entries.length) return {};
  const names = new Set(shown.map(([name]) => name));
  const next = offset + shown.length;
  const note =
    next < entries.length
      ? `This reply has ${shown.length} of ${entries.length} files; call again with files_offset ${next} for the next.`
      : `This reply has the last ${shown.length} of ${entries.length} files.`;
  return {
    download_urls: Object.fromEntries(shown),
    ...(file_keys && { file_keys: of(names, file_keys) }),
    ...(!isPart && { task_output: withFilesOf(names, task_output) }),
    note,
  };
}

function fitting(entries: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  let bytes = 0;
  const tooMany = entries.findIndex(([, url], index) => {
    bytes += url.length;
    return index === MOST_FILES || (index > 0 && bytes > MOST_LINK_BYTES);
  });
  return tooMany === -1 ? entries : entries.slice(0, tooMany);
}

const of = (names: ReadonlySet<string>, map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).filter(([name]) => names.has(name)));

/** The output that some runtimes make of a run that returns none: it describes the files. */
const describedFiles = z.looseObject({ files: z.array(z.looseObject({ name: z.string() })) });

function withFilesOf(names: ReadonlySet<string>, output: unknown): unknown {
  const { data } = describedFiles.safeParse(output);
  return data ? { ...data, files: data.files.filter(({ name }) => names.has(name)) } : output;
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
  // The task has chosen them, and this sentence is ours.
  const shown = names.filter(isPlainName).slice(0, MOST_NAMES);
  const others = names.length - shown.length;
  if (shown.length === 0) return `${what}; there are ${others} fields with other names.`;
  return `${what}; there are: ${shown.join(', ')}${others > 0 ? `, and ${others} more` : ''}.`;
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
