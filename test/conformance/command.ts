import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What a command line left behind. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The script behind a command of a package, by the address of its package.json, so that it runs on the Node that runs the test. */
export function scriptOf(home: string, command: string): string {
  const { bin } = JSON.parse(readFileSync(new URL(home), 'utf8')) as { bin: Record<string, string> };
  const script = bin[command];
  if (script === undefined) throw new Error(`${home} names no command ${command}`);
  return fileURLToPath(new URL(script, home));
}

/** Runs a third-party script to its end, with a separate home folder. */
export async function run(script: string, args: readonly string[], home: string): Promise<Outcome> {
  const child = spawn(process.execPath, [script, ...args], {
    env: { PATH: process.env['PATH'], HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, stdout, stderr };
}
