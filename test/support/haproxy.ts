import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { freePort } from './free-port.js';
import { packagePaths } from '../../src/config/index.js';
import { until } from './processes.js';

const MISSING = 'haproxy is not installed. apt-get install --yes --no-install-recommends haproxy';
const START_LIMIT_MS = 60_000;
const EXAMPLE = join(packagePaths.root, 'docs/haproxy.cfg');
/** A line of `show stat`, by the names of its columns. */
type Row = Readonly<Record<string, string>>;

/** HAProxy with the configuration operators are given, in front of two servers. */
export class HaProxy implements AsyncDisposable {
  private constructor(
    readonly endpoint: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /** @throws when there is no haproxy, with the line that installs it. */
  static async start(ports: readonly [number, number]): Promise<HaProxy> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-haproxy-'));
    const port = await freePort();
    const file = join(folder, 'haproxy.cfg');
    await writeFile(file, await configuration(folder, port, ports));
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] });
    const said = text(child.stderr);
    const haproxy = new HaProxy(`http://127.0.0.1:${port}/api/v1/mcp`, child, folder);
    const failed = Promise.withResolvers<never>();
    child.once('error', (cause) => failed.reject(new Error(MISSING, { cause })));
    child.once('exit', () => void said.then((why) => failed.reject(new Error(`haproxy ended: ${why}`))));
    failed.promise.catch(() => undefined);
    try {
      const ready = until(async () => (await haproxy.upCount()) === ports.length, START_LIMIT_MS);
      await Promise.race([ready, failed.promise]);
    } catch (error) {
      await haproxy[Symbol.asyncDispose]();
      throw error;
    }
    return haproxy;
  }

  /** How many replicas are in rotation. */
  async upCount(): Promise<number> {
    const rows = await this.rows();
    return rows.filter(({ status, svname }) => svname?.startsWith('replica-') && status === 'UP').length;
  }

  /** Requests that were sent to another replica, because the first could not be reached. */
  async redispatched(): Promise<number> {
    const backend = (await this.rows()).find(
      ({ pxname, svname }) => pxname === 'replicas' && svname === 'BACKEND',
    );
    return Number(backend?.['wredis']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await exited;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  private async rows(): Promise<Row[]> {
    const socket = connect(join(this.folder, 'admin.sock'));
    socket.end('show stat\n');
    const [head = '', ...lines] = (await text(socket)).replace(/^# /, '').trim().split('\n');
    const names = head.split(',');
    return lines.map((line) =>
      Object.fromEntries(line.split(',').map((cell, at) => [names[at] ?? '', cell])),
    );
  }
}

/** The file from docs with the addresses of the test; a line that is not found is a fault of that file. */
async function configuration(
  folder: string,
  port: number,
  [first, second]: readonly [number, number],
): Promise<string> {
  let content = await readFile(EXAMPLE, 'utf8');
  const changes = [
    ['stats socket /run/haproxy/mcp.sock', `stats socket ${join(folder, 'admin.sock')}`],
    ['server inner abns@cyberun-mcp', `server inner abns@cyberun-mcp-${port}`],
    ['bind abns@cyberun-mcp', `bind abns@cyberun-mcp-${port}`],
    ['bind 127.0.0.1:8000', `bind 127.0.0.1:${port}`],
    ['server replica-1 192.0.2.11:8080', `server replica-1 127.0.0.1:${first}`],
    ['server replica-2 192.0.2.12:8080', `server replica-2 127.0.0.1:${second}`],
  ] as const;
  for (const [line, changed] of changes) {
    if (content.split(line).length !== 2) throw new Error(`docs/haproxy.cfg does not have once: ${line}`);
    content = content.replace(line, changed);
  }
  return content;
}
