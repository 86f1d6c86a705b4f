import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Subject } from './subjects.ts';

const START_LIMIT_MS = 60_000;

interface Address {
  readonly endpoint: string;
  readonly key: string;
}

/** A server under test in a process of its own. */
export interface RunningServer extends Address {
  stop(): Promise<void>;
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Starts the server under test; what it logs goes to a file. */
export async function startServer(subject: Subject, logFile: string): Promise<RunningServer> {
  const args = ['--import', here('./typescript-hooks.mjs'), here('./serve.ts'), subject];
  // A file and not a pipe: the caller waits for the suite without reading.
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, args, { stdio: ['ignore', log, log, 'ipc'] });
  const exited = once(child, 'exit');
  const [address] = await Promise.race([
    once(child, 'message', { signal: AbortSignal.timeout(START_LIMIT_MS) }),
    exited.then(([code]) =>
      Promise.reject(new Error(`the server under test ended with ${code}, see ${logFile}`)),
    ),
  ]).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  return { ...(address as Address), stop };
}
