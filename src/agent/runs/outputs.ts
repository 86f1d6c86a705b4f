import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { OutputFile } from '../../contract/index.js';
import { contentTypeOf } from './content-type.js';
import { RunFailure } from './run-failure.js';

/** What a run tells of itself lies here and is not a file of its own. */
const RESULT = 'result.json';
const RESULT_LIMIT = 4 * 1024 * 1024;

/** The files a run left in its output folder; links and folders are not followed. */
export async function outputFiles(folder: string): Promise<OutputFile[]> {
  const names = (await readdir(folder)).filter((name) => name !== RESULT).sort();
  const found = await Promise.all(
    names.map(async (name) => ({ name, facts: await lstat(join(folder, name)) })),
  );
  return found
    .filter(({ facts }) => facts.isFile())
    .map(({ name, facts }) => ({ name, size: facts.size, content_type: contentTypeOf(name) }));
}

/** What the run says its result is; `undefined` when it says nothing. */
export async function resultOf(folder: string): Promise<unknown> {
  const path = join(folder, RESULT);
  const facts = await stat(path).catch(() => undefined);
  if (!facts?.isFile()) return undefined;
  if (facts.size > RESULT_LIMIT) {
    throw new RunFailure(`output/${RESULT} has ${facts.size} bytes; ${RESULT_LIMIT} is the most.`);
  }
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw new RunFailure(`output/${RESULT} is not JSON: ${(error as Error).message}`);
  }
}
