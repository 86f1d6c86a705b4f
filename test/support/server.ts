import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { packagePaths } from '../../src/config/index.js';
import { inherited } from './command-line.js';
import { initialiseDatabase } from './initialised-database.js';
import { FLAGS } from './setup.js';

const START_LIMIT_MS = 120_000;

/** A server as an operator starts it: the built command line, in a process and a folder of its own. */
export class ServerProcess implements AsyncDisposable {
  /** Everything it wrote, both streams. */
  readonly log: string[] = [];
  endpoint = '';
  key = '';

  private constructor(
    readonly child: ChildProcess,
    readonly dataDir: string,
    private readonly isTemporary: boolean,
  ) {}

  /** @param entry what is run in place of the command line. */
  static async start(
    environment: Record<string, string> = {},
    args: string[] = [],
    entry: string[] = [packagePaths.entry, 'serve'],
  ): Promise<ServerProcess> {
    const given = environment['CYBERUN_DATA_DIR'];
    const dataDir = given ?? (await mkdtemp(join(tmpdir(), 'cyberun-test-')));
    initialiseDatabase(dataDir);
    const child = spawn(process.execPath, [...FLAGS, ...entry, ...args], {
      env: {
        ...inherited(),
        CYBERUN_HTTP_PORT: '0',
        CYBERUN_LOGGER_FORMAT: 'json',
        ...environment,
        CYBERUN_DATA_DIR: dataDir,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const server = new ServerProcess(child, dataDir, given === undefined);
    try {
      await server.ready();
    } catch (error) {
      await server.end('SIGKILL');
      throw error;
    }
    return server;
  }

  /** Address of the Runtime API it serves. */
  get api(): string {
    return this.endpoint.replace(/\/mcp$/, '');
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill(signal);
      await exited;
    }
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    if (this.isTemporary) await rm(this.dataDir, { recursive: true, force: true });
  }

  private async ready(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const read = (line: string): void => {
      this.log.push(line);
      if (!line.includes('"message":"ready"')) return;
      const { endpoint, key } = JSON.parse(line) as { endpoint: string; key?: string };
      this.endpoint = endpoint;
      this.key = key ?? '';
      resolve();
    };
    for (const stream of [this.child.stdout, this.child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', read);
    }
    this.child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${this.log.join('\n')}`)));
    const limit = setTimeout(() => reject(new Error(`not ready:\n${this.log.join('\n')}`)), START_LIMIT_MS);
    await promise.finally(() => clearTimeout(limit));
  }
}
