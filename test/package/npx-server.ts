import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { inherited } from '../support/command-line.js';

/** A server that a user starts in a folder with commands of a shell, the last of which is npx. */
export class NpxServer implements AsyncDisposable {
  private constructor(
    private readonly child: ChildProcess,
    readonly endpoint: string,
    /** What it has printed. */
    readonly output: readonly string[],
  ) {}

  static async start(folder: string, commands: string, settings: Record<string, string>): Promise<NpxServer> {
    const child = spawn('/bin/sh', ['-euc', commands], {
      cwd: folder,
      env: { ...inherited(), CYBERUN_HTTP_PORT: '0', CYBERUN_LOGGER_FORMAT: 'json', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, since a shell passes no signals on.
      detached: true,
    });
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line);
        const endpoint = /"endpoint":"([^"]+)"/.exec(line)?.[1];
        if (endpoint !== undefined) resolve(endpoint);
      });
    }
    child.once('close', (code) => reject(new Error(`it ended with ${code}:\n${output.join('\n')}`)));
    return new NpxServer(child, await promise, output);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid, exitCode } = this.child;
    if (pid === undefined || exitCode !== null) return;
    // Once every process of the group has ended, since each has the output open.
    const closed = once(this.child, 'close');
    process.kill(-pid, 'SIGTERM');
    await closed;
  }
}
