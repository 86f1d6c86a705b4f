import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { packagePaths } from '../../src/config/index.js';
import { FLAGS } from './setup.js';

const run = promisify(execFile);

/** What a program of a test gets of this process' environment. */
export function inherited(): NodeJS.ProcessEnv {
  const { PATH, NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE } = process.env;
  return { PATH, NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE };
}

/**
 * Runs a command to its end, successful or not.
 *
 * @param flags of Node.
 */
export async function outcome(
  args: string[],
  environment: Record<string, string>,
  flags: readonly string[] = [],
) {
  const options = { env: { ...inherited(), ...environment } };
  return await run(process.execPath, [...FLAGS, ...flags, packagePaths.entry, ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

/** A folder that goes with its holder. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'cyberun-folder-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
