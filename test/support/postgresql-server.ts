import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { Client } from 'pg';

import { freePort } from './free-port.js';
import { until } from './processes.js';

const VERSIONS = '/usr/lib/postgresql';
const MISSING = 'PostgreSQL is not installed. apt-get install --yes --no-install-recommends postgresql';

/** A separate PostgreSQL, on a free port and with a temporary folder; its data survives a restart. */
export class PostgresqlServer implements AsyncDisposable {
  private child: ChildProcess | undefined;
  private count = 0;

  private constructor(
    private readonly port: number,
    private readonly folder: string,
    private readonly programs: string,
    /** PostgreSQL does not run as root. */
    private readonly user: { readonly uid?: number; readonly gid?: number },
  ) {}

  /** @throws when it is not installed, with the line that installs it. */
  static async start(): Promise<PostgresqlServer> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-postgresql-'));
    const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
    if (user.uid !== undefined && user.gid !== undefined) await chown(folder, user.uid, user.gid);
    const server = new PostgresqlServer(await freePort(), folder, await programs(), user);
    const initdb = [
      '--auth=trust',
      '--username=postgres',
      '--no-sync',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
    ];
    await promisify(execFile)(join(server.programs, 'initdb'), [...initdb, server.data], user);
    await server.start();
    return server;
  }

  /** The URL of a database on it. */
  urlOf(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  /** Creates an empty database; returns its URL. */
  async newDatabase(): Promise<string> {
    this.count += 1;
    const name = `test_${this.count}`;
    await createDatabase(this.urlOf('postgres'), name);
    return this.urlOf(name);
  }

  /** Resolves once it answers. */
  async start(): Promise<void> {
    const settings = [`port=${this.port}`, `unix_socket_directories=${this.folder}`, 'max_connections=300'];
    // A killed process loses nothing by this; only a machine that loses power does.
    const flags = [...settings, 'fsync=off', 'listen_addresses=127.0.0.1'].flatMap((each) => ['-c', each]);
    this.child = spawn(join(this.programs, 'postgres'), ['-D', this.data, ...flags], {
      ...this.user,
      stdio: 'ignore',
    });
    await until(async () => {
      const client = new Client({ connectionString: this.urlOf('postgres') });
      client.on('error', () => undefined);
      await client.connect();
      await client.end();
      return true;
    });
  }

  /** Ends it at once, as `pg_ctl stop --mode immediate` does; every connection is cut. */
  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child) return;
    const exited = once(child, 'exit');
    child.kill('SIGQUIT');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private get data(): string {
    return join(this.folder, 'data');
  }
}

/** @param template the database that it is a copy of; empty without one. */
export async function createDatabase(adminUrl: string, name: string, template = 'template1'): Promise<void> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query(`create database ${name} template ${template}`);
  } finally {
    await client.end();
  }
}

const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));

/** The folder with the programs of the newest installed version. */
async function programs(): Promise<string> {
  const versions = await readdir(VERSIONS).catch(() => []);
  const [newest] = versions.map(Number).sort((one, other) => other - one);
  if (newest === undefined) throw new Error(MISSING);
  return join(VERSIONS, String(newest), 'bin');
}
