import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';
import { type StoryClient, validatingClient } from '../support/clients.js';
import { outcome } from '../support/command-line.js';
import { initialiseDatabase } from '../support/initialised-database.js';
import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';

const KEY = 'sk-key-of-the-evals-only';
const HERE = join(packagePaths.root, 'test/evals');

/** A server as `npm start` starts it, with the workflows and services that the cases ask for, and a client for each key. */
export class EvaluatedServer implements AsyncDisposable {
  private constructor(
    private readonly folder: string,
    private readonly server: ServerProcess,
    /** A client whose key may do everything. */
    readonly client: StoryClient,
    /** A client whose key may only read. */
    readonly reader: StoryClient,
  ) {}

  static async start(): Promise<EvaluatedServer> {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-evals-'));
    for (const kind of ['workflows', 'services'] as const) {
      await cp(packagePaths[kind], join(folder, kind), { recursive: true });
      await cp(join(HERE, kind), join(folder, kind), { recursive: true });
    }
    const dataDir = join(folder, 'data');
    initialiseDatabase(dataDir);
    const { stdout } = await outcome(['keys', 'create', '--read-only'], { CYBERUN_DATA_DIR: dataDir });
    const server = await ServerProcess.start({
      CYBERUN_DATA_DIR: dataDir,
      CYBERUN_WORKFLOWS_DIR: join(folder, 'workflows'),
      CYBERUN_SERVICES_DIR: join(folder, 'services'),
      CYBERUN_BOOTSTRAP_KEY: KEY,
      CYBERUN_AGENT_SLOTS: '3',
      CYBERUN_MCP_TOOLSETS: 'logs,files',
    });
    const endpoint = `${server.endpoint}?toolsets=all`;
    const reader = /sk-\S+/.exec(stdout)?.[0] ?? '';
    const client = await validatingClient({ endpoint, key: KEY });
    await until(async () => {
      const { structuredContent } = await client.call('get_container_service', { service_slug: 'stock' });
      return structuredContent?.['service_status'] === 'running';
    });
    return new EvaluatedServer(folder, server, client, await validatingClient({ endpoint, key: reader }));
  }

  /** Waits until a task runs, so that a reply about it has always the same fields. */
  async running(task_id: string): Promise<void> {
    await until(async () => {
      const { structuredContent } = await this.client.call('get_task', { task_id });
      return structuredContent?.['task_status'] === 'running';
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.reader[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
  }
}
