import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';

import { freePort } from './free-port.js';
import { until } from './processes.js';

const MISSING = 'pgbouncer is not installed. apt-get install --yes --no-install-recommends pgbouncer';

/** When a session of PostgreSQL goes to the next client: at the end of the connection, or of a transaction. */
type PoolMode = 'session' | 'transaction';

/** A pgbouncer in front of a PostgreSQL server. */
export class Pgbouncer implements AsyncDisposable {
  private constructor(
    private readonly target: URL,
    private readonly folder: string,
    private readonly port: number,
    private readonly child: ChildProcess,
  ) {}

  /**
   * @param url of a database on the server.
   * @throws when it is not installed, with the line that installs it.
   */
  static async start(url: string, mode: PoolMode): Promise<Pgbouncer> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-pgbouncer-'));
    await chmod(folder, 0o755);
    const port = await freePort();
    const target = new URL(url);
    await writeFile(join(folder, 'users.txt'), '"postgres" ""\n');
    await writeFile(join(folder, 'pgbouncer.ini'), settings(target, folder, port, mode));
    // It does not run as root.
    const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
    const child = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], {
      ...user,
      stdio: 'ignore',
      env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    });
    const failure = Promise.withResolvers<never>();
    failure.promise.catch(() => undefined);
    child.once('error', (cause) => failure.reject(new Error(MISSING, { cause })));
    child.once('exit', (code) => failure.reject(new Error(`pgbouncer ended with ${code}`)));
    const pooler = new Pgbouncer(target, folder, port, child);
    await Promise.race([failure.promise, until(() => pooler.answers())]);
    return pooler;
  }

  /** The URL of the same database through it. */
  get url(): string {
    const url = new URL(this.target);
    url.port = String(this.port);
    return url.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
    await rm(this.folder, { recursive: true, force: true });
  }

  private async answers(): Promise<boolean> {
    const client = new Client({ connectionString: this.url });
    client.on('error', () => undefined);
    await client.connect();
    await client.end();
    return true;
  }
}

const settings = (
  { hostname, port }: URL,
  folder: string,
  ownPort: number,
  mode: PoolMode,
): string => `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${ownPort}
unix_socket_dir =
auth_type = trust
auth_file = ${join(folder, 'users.txt')}
pool_mode = ${mode}
default_pool_size = 60
max_client_conn = 200
`;

const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
