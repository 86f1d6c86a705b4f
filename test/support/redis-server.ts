import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { freePort } from './free-port.js';

const MISSING = 'redis-server is not installed. apt-get install --yes --no-install-recommends redis-server';

/** A Redis of its own, on a free port and in a folder of its own; what it was told survives a restart. */
export class RedisServer implements AsyncDisposable {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly port: number,
    private readonly folder: string,
    private readonly password: string,
  ) {}

  static async start({ password = '' } = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-redis-'));
    const server = new RedisServer(await freePort(), folder, password);
    await server.start();
    return server;
  }

  get url(): string {
    const user = this.password === '' ? '' : `:${this.password}@`;
    return `redis://${user}127.0.0.1:${this.port}/0`;
  }

  /** @throws when there is no redis-server, with the line that installs it. */
  async start(): Promise<void> {
    const child = spawn(
      'redis-server',
      [
        `--port ${this.port} --bind 127.0.0.1 --appendonly yes --appendfsync always`.split(' '),
        ['--dir', this.folder, '--save', '', '--requirepass', this.password],
      ].flat(),
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    this.child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.once('error', (cause) => reject(new Error(MISSING, { cause })));
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('Ready to accept connections')) resolve();
    });
    await promise;
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** Makes it fall silent, with its connections open, or speak again. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
