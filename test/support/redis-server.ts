import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { freePort } from './free-port.js';

const MISSING = 'redis-server is not installed. apt-get install --yes --no-install-recommends redis-server';

/** A separate Redis, on a free port and with a temporary folder; its data survives a restart. */
export class RedisServer implements AsyncDisposable {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly port: number,
    private readonly folder: string,
    private readonly password: string,
    private readonly isEncrypted: boolean,
  ) {}

  static async start({ password = '', isEncrypted = false } = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-redis-'));
    const server = new RedisServer(await freePort(), folder, password, isEncrypted);
    if (isEncrypted) await promisify(execFile)('openssl', server.certification, { cwd: folder });
    await server.start();
    return server;
  }

  get url(): string {
    const user = this.password === '' ? '' : `:${this.password}@`;
    return `${this.isEncrypted ? 'rediss' : 'redis'}://${user}127.0.0.1:${this.port}/0`;
  }

  /** Who trusts this certificate trusts an encrypted server. */
  get certificate(): string {
    return join(this.folder, 'certificate.pem');
  }

  /** @throws when there is no redis-server, with the line that installs it. */
  async start(): Promise<void> {
    const child = spawn(
      'redis-server',
      [
        `${this.listening} --bind 127.0.0.1 --appendonly yes --appendfsync always`.split(' '),
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

  private get listening(): string {
    if (!this.isEncrypted) return `--port ${this.port}`;
    const { certificate, folder, port } = this;
    return `--port 0 --tls-port ${port} --tls-auth-clients no --tls-cert-file ${certificate} --tls-ca-cert-file ${certificate} --tls-key-file ${folder}/key.pem`;
  }

  /** How openssl makes a certificate that signs itself. */
  private get certification(): string[] {
    const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', 'key.pem', '-out', this.certificate];
    return ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, ...files];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
