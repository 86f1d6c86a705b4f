import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from '../support/free-port.js';
import { packagePaths } from '../../src/config/index.js';
import { inherited } from '../support/command-line.js';
import { FLAGS } from '../support/setup.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';

export const KEY = 'sk-kill-test-0123456789';

/** Each run writes its task and its beginning to one file, in one write, so that runs can be counted. */
const workflow = (trace: string): string => `document:
  dsl: '1.0.0'
  namespace: tests
  name: trace
  version: '1.0.0'
  title: Trace
  summary: Notes that it runs, and takes a moment.
  metadata:
    labels: [storm]
input:
  schema:
    document:
      type: object
      additionalProperties: false
      required: [number]
      properties:
        number: { type: integer }
do:
  - work:
      run:
        shell:
          command: echo "$CYBERUN_TASK_ID" >> ${trace}; sleep 0.4
`;

/** A process that is started again whenever it is killed. */
export interface Victim {
  readonly name: string;
  readonly kind: 'node' | 'agent';
  kill(): Promise<void>;
}

/** Two runtime nodes on one PostgreSQL, and three agents that know both, all as processes. */
export class Storm implements AsyncDisposable {
  readonly victims: Victim[] = [];
  private readonly ends: (() => Promise<void>)[] = [];

  private constructor(
    readonly postgresql: PostgresqlServer,
    readonly databaseUrl: string,
    private readonly folder: string,
    readonly origins: readonly string[],
  ) {}

  /** @param services files of the folder of services, by name. */
  static async start(services: Record<string, string> = {}): Promise<Storm> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-storm-'));
    await writeFile(join(folder, 'trace.yaml'), workflow(join(folder, 'runs.txt')));
    await mkdir(join(folder, 'services'));
    for (const [name, text] of Object.entries(services))
      await writeFile(join(folder, 'services', name), text);
    const postgresql = await PostgresqlServer.start();
    const ports = [await freePort(), await freePort()];
    const origins = ports.map((port) => `http://127.0.0.1:${port}`);
    const storm = new Storm(postgresql, await postgresql.newDatabase(), folder, origins);
    for (const [index, port] of ports.entries()) await storm.addNode(`node-${index + 1}`, port);
    const agentKey = await storm.agentKey();
    for (const id of ['agent-1', 'agent-2', 'agent-3']) await storm.addAgent(id, agentKey);
    return storm;
  }

  /** How often each task has begun. */
  async runs(): Promise<Map<string, number>> {
    const lines = (await readFile(join(this.folder, 'runs.txt'), 'utf8')).trim().split('\n');
    return new Map([...Map.groupBy(lines, (line) => line)].map(([task, all]) => [task, all.length]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.ends.reverse()) await end();
    await this.postgresql[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async addNode(name: string, port: number): Promise<void> {
    const start = (): Promise<ServerProcess> =>
      ServerProcess.start(
        {
          CYBERUN_DATABASE_URL: this.databaseUrl,
          CYBERUN_DATA_DIR: join(this.folder, name),
          CYBERUN_HTTP_PORT: String(port),
          CYBERUN_WORKFLOWS_DIR: this.folder,
          CYBERUN_SERVICES_DIR: join(this.folder, 'services'),
          CYBERUN_BOOTSTRAP_KEY: KEY,
        },
        ['--role', 'runtime'],
      );
    let node = await start();
    this.ends.push(async () => void (await node.end()));
    const kill = async (): Promise<void> => {
      await node.end('SIGKILL');
      node = await start();
    };
    this.victims.push({ name, kind: 'node', kill });
  }

  private async addAgent(id: string, key: string): Promise<void> {
    let isOver = false;
    let child: ChildProcess = this.startAgent(id, key);
    this.ends.push(async () => {
      isOver = true;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    });
    const kill = async (): Promise<void> => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await delay(500);
      if (!isOver) child = this.startAgent(id, key);
    };
    this.victims.push({ name: id, kind: 'agent', kill });
    await until(async () => (await this.agents()).includes(id));
  }

  private startAgent(id: string, key: string): ChildProcess {
    const gateways = id === 'agent-2' ? [...this.origins].reverse() : this.origins;
    const args = ['agent', '--gateway', ...gateways, '--id', id, '--work-dir', join(this.folder, id)];
    return spawn(process.execPath, [...FLAGS, packagePaths.entry, ...args], {
      env: {
        ...inherited(),
        CYBERUN_AGENT_KEY: key,
        CYBERUN_AGENT_LABELS: 'storm',
        CYBERUN_AGENT_SLOTS: '4',
        CYBERUN_LOGGER_LEVEL: 'error',
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  private async agents(): Promise<string[]> {
    const response = await fetch(`${this.origins[0]}/api/v1/r/agents?per_page=100`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    const { agent_list } = (await response.json()) as { agent_list: { agent_id: string }[] };
    return agent_list.map(({ agent_id }) => agent_id);
  }

  private async agentKey(): Promise<string> {
    const args = ['keys', 'create', '--kind', 'agent', '--name', 'storm'];
    const env = { ...inherited(), CYBERUN_DATABASE_URL: this.databaseUrl };
    const child = spawn(process.execPath, [...FLAGS, packagePaths.entry, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await once(child, 'close');
    return text.trim();
  }
}
