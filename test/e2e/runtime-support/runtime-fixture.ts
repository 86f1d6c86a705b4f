import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { NestExpressApplication } from '@nestjs/platform-express';

import { createApplication } from '../../../src/application.js';
import { Addresses, type Limits, readConfig } from '../../../src/config/index.js';
import { Database } from '../../../src/runtime/database/index.js';
import { isEligible } from '../../../src/runtime/engine/index.js';
import { AgentDirectory } from '../../../src/runtime/gateway/index.js';
import { type ClaimedRun, RunReports, TaskClaims } from '../../../src/runtime/tasks/index.js';
import { initialiseDatabase } from '../../support/initialised-database.js';
import { databaseSettings } from '../../support/shared-postgresql.js';

/** Answer of the REST API. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any;
}

export const BOOTSTRAP_KEY = 'sk-bootstrap-key-of-the-tests';

/** A workflow file that echoes; `extra` goes into its input schema's properties. */
export const echoWorkflow = (
  name: string,
  { labels = 'local', metadata = '', properties = '', timeout = '' } = {},
): string => `document:
  dsl: '1.0.0'
  namespace: tests
  name: ${name}
  version: '1.0.0'
  title: Echo ${name}
  summary: Returns its parameter.
  metadata:
    labels: [${labels}]
${metadata}
input:
  schema:
    document:
      type: object
      additionalProperties: false
      required: [text]
      properties:
        text: { type: string, title: Text, maxLength: 20 }
        times: { type: integer, minimum: 1, maximum: 5, default: 2 }
${properties}
${timeout}
do:
  - say:
      run:
        shell:
          command: echo "$1"
          arguments: ['\${ .text }']
          environment: { TIMES: '\${ .times }' }
`;

interface ServerWanted {
  readonly folder?: string;
  readonly env?: Record<string, string>;
  readonly limits?: Partial<Limits>;
  readonly leaseSeconds?: number;
  /** Address of this machine for others, such as pods, in place of the loopback. */
  readonly address?: string | undefined;
}

/** The runtime as a server of its own, in this process, on a folder of its own. */
export class RuntimeServer implements AsyncDisposable {
  private closing: Promise<void> | undefined;

  private constructor(
    readonly app: NestExpressApplication,
    readonly folder: string,
    readonly origin: string,
  ) {}

  static async start(
    files: Record<string, string> = {},
    { folder, env = {}, limits = {}, leaseSeconds, address }: ServerWanted = {},
  ): Promise<RuntimeServer> {
    const home = folder ?? (await mkdtemp(join(tmpdir(), 'cyberun-runtime-')));
    for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text);
    const noServices = join(home, 'no-services');
    await mkdir(noServices, { recursive: true });
    const config = readConfig('runtime', {
      CYBERUN_HTTP_PORT: '0',
      CYBERUN_DATA_DIR: join(home, 'data'),
      CYBERUN_WORKFLOWS_DIR: home,
      CYBERUN_SERVICES_DIR: noServices,
      CYBERUN_BOOTSTRAP_KEY: BOOTSTRAP_KEY,
      CYBERUN_LOGGER_LEVEL: 'error',
      CYBERUN_LOGGER_FORMAT: 'json',
      ...(await databaseSettings(home)),
      ...env,
    });
    if (config.databaseUrl === undefined) initialiseDatabase(config.dataDir);
    const app = await createApplication({
      ...config,
      limits: { ...config.limits, ...limits },
      // Shorter than an operator may have it: a test closes connections, and nothing is silent.
      ...(leaseSeconds !== undefined && { runsLeaseSeconds: leaseSeconds }),
    });
    await app.listen(0, address === undefined ? '127.0.0.1' : '0.0.0.0');
    const { port } = app.getHttpServer().address() as AddressInfo;
    await app.get(Addresses).announce(port);
    return new RuntimeServer(app, home, `http://${address ?? '127.0.0.1'}:${port}`);
  }

  get runs(): RunReports {
    return this.app.get(RunReports, { strict: false });
  }

  /** A call of the REST API; `body` is sent as JSON, a string as it is. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    key: string | null = BOOTSTRAP_KEY,
  ): Promise<Answer> {
    const response = await fetch(`${this.origin}/api/v1${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  }

  get(path: string, key?: string | null): Promise<Answer> {
    return this.call('GET', path, undefined, key);
  }

  /** Submits a run and returns the task's id. */
  async submit(slug: string, parameters: Record<string, unknown> = { text: 'hi' }): Promise<string> {
    const { status, body } = await this.call('POST', `/r/workflows/slug/${slug}/run`, { parameters });
    if (status !== 202) throw new Error(`not accepted: ${JSON.stringify(body)}`);
    return body.task_id as string;
  }

  /** Opens the event stream of a task; without a limit it reads to the end. */
  async events(
    taskId: string,
    lastEventId?: string,
  ): Promise<{ id: string; event: string; data: Record<string, unknown> }[]> {
    const response = await fetch(`${this.origin}/api/v1/r/tasks/${taskId}/events`, {
      headers: {
        authorization: `Bearer ${BOOTSTRAP_KEY}`,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
    });
    return eventsIn(await response.text());
  }

  /** Ends the server, once; the folder stays. */
  stop(): Promise<void> {
    // A second close would run the hooks of the modules again, on a closed database.
    this.closing ??= this.app.close();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The events in the text of a stream. */
export function eventsIn(text: string): { id: string; event: string; data: Record<string, unknown> }[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('id:'))
    .map((block) => {
      const [id = '', event = '', data = ''] = block
        .split('\n')
        .map((line) => line.slice(line.indexOf(':') + 2));
      return { id, event, data: JSON.parse(data) };
    });
}

/** An agent without a process: it takes what it is given and says what the test wants it to say. */
export class PretendAgent {
  constructor(
    private readonly server: RuntimeServer,
    readonly teamId: string,
    readonly labels: string[] = ['local'],
  ) {}

  /** Connected to a node that does not exist, so that no real one takes it for gone. */
  async connect(): Promise<void> {
    const { db } = this.database;
    const node_id = '00000000-0000-7000-8000-000000000000';
    const seen_at = new Date(Date.now() + 3_600_000);
    await db
      .insertInto('runtime_node')
      .values({ id: node_id, url: 'http://127.0.0.1:1', seen_at })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    const hello = { agent_id: 'pretend', labels: this.labels, slots: 1, version: '0', platform: 'test' };
    const row = { team_id: this.teamId, agent_id: 'pretend', node_id, hello: JSON.stringify(hello) };
    await db
      .insertInto('connected_agent')
      .values(row)
      .onConflict((conflict) => conflict.columns(['team_id', 'agent_id']).doUpdateSet(row))
      .execute();
    await this.directory.refresh();
  }

  /** Says after a restart that it has none of the runs it was given before. */
  async returnWithoutRuns(): Promise<void> {
    await this.connect();
    const { runs } = this.server;
    for (const task of await runs.heldBy(this.teamId, 'pretend')) await runs.requeueTask(task);
  }

  async disconnect(): Promise<void> {
    await this.database.db.deleteFrom('connected_agent').where('agent_id', '=', 'pretend').execute();
    await this.directory.refresh();
  }

  async claim(free = 1): Promise<ClaimedRun[]> {
    const { teamId, labels } = this;
    const agent = { agentId: 'pretend', labels, teamId };
    const claimed: ClaimedRun[] = [];
    for (const queue of await this.claims.claimable()) {
      if (!isEligible(agent, queue)) continue;
      const slots = Array.from({ length: free - claimed.length }, () => agent);
      claimed.push(...(await this.claims.claim(queue, slots)).runs.filter((run) => run !== undefined));
    }
    return claimed;
  }

  /** Takes one run, which must be there. */
  async take(): Promise<ClaimedRun> {
    const [run] = await this.claim();
    if (!run) throw new Error('nothing to claim');
    return run;
  }

  private get claims(): TaskClaims {
    return this.server.app.get(TaskClaims, { strict: false });
  }

  private get directory(): AgentDirectory {
    return this.server.app.get(AgentDirectory, { strict: false });
  }

  private get database(): Database {
    return this.server.app.get(Database, { strict: false });
  }
}
