import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { isNestedDeeper, OUTPUT_DEPTH_LIMIT, parseExact } from '../../contract/index.js';

/** A run writes its result to this file, which is not an output itself. */
export const RESULT_FILE = 'result.json';
const RESULT_LIMIT = 4 * 1024 * 1024;
const BYTE_ORDER_MARK = '\uFEFF';

/** The result that a run has written; with a `problem` the file is kept as an output instead. */
type WrittenResult =
  | { readonly kind: 'none' }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'problem'; readonly problem: string };

/** Reads the result that a run has written, without loss of precision in numbers. */
export async function resultOf(folder: string): Promise<WrittenResult> {
  const path = join(folder, RESULT_FILE);
  const facts = await stat(path).catch(() => undefined);
  if (!facts?.isFile()) return { kind: 'none' };
  if (facts.size > RESULT_LIMIT) return problem(`it has ${facts.size} bytes; ${RESULT_LIMIT} is the most`);
  try {
    const text = await readFile(path, 'utf8');
    return valueIn(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  } catch (error) {
    return problem(`it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
  }
}

function valueIn(text: string): WrittenResult {
  const parsed = parsedOrReason(text);
  if (typeof parsed === 'string') return problem(parsed);
  if (isNestedDeeper(parsed.value, OUTPUT_DEPTH_LIMIT)) {
    return problem(`it is nested more than ${OUTPUT_DEPTH_LIMIT} levels deep`);
  }
  return { kind: 'value', value: parseExact(text) };
}

function parsedOrReason(text: string): { readonly value: unknown } | string {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const word = /(?:^|[[:,\s])(-?(?:NaN|Infinity))\b/.exec(text)?.[1];
    const hint = word === undefined ? '' : `; JSON has no ${word}, write null or a string instead`;
    return `it is not JSON: ${(error as Error).message}${hint}`;
  }
}

const problem = (reason: string): WrittenResult => ({
  kind: 'problem',
  problem: `output/${RESULT_FILE} is not used as the result, but kept as a file: ${reason}.`,
});

/** Why a run failed; the message is for the submitter of the task. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';

  /** @param isFinal whether a retry would fail in the same way. */
  constructor(
    message: string,
    readonly isFinal: boolean = false,
  ) {
    super(message);
  }
}
