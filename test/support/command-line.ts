import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { packagePaths } from '../../src/config/index.js';

const run = promisify(execFile);

/** Runs a command to its end, whatever that is. */
export async function outcome(args: string[], environment: Record<string, string>) {
  const options = { env: { PATH: process.env['PATH'], ...environment } };
  return await run(process.execPath, [packagePaths.entry, ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

/** A folder that goes with its holder. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'cyberun-folder-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
