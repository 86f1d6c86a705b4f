import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { friendlyRuntime } from '../support/every-tool.js';
import { ENVELOPE, MODERN } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { ReadinessBalancer } from '../support/readiness-balancer.js';
import { ServerProcess } from '../support/server.js';

const CONNECTIONS = 40;
/** Calls in all, at least. */
const CALLS = 2000;
/** How often both replicas are exchanged; more to measure. */
const UPDATES = Number(process.env['ROLLING_UPDATES'] ?? 1);
const KEY = 'sk-rolling-0123456789abcdef';
const DRAIN = { CYBERUN_HTTP_DRAIN_SECONDS: '1' };

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

interface Answered {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly body: string;
}

/** A call of a tool without a session. */
const LIST: Asked = {
  method: 'POST',
  path: '/api/v1/mcp',
  headers: {
    Authorization: `Bearer ${KEY}`,
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
    'MCP-Protocol-Version': MODERN,
    'Mcp-Method': 'tools/call',
    'Mcp-Name': 'list_workflows',
  },
  body: JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'list_workflows', arguments: {}, _meta: ENVELOPE },
  }),
};

async function ask(origin: string, agent: Agent, { body, ...asked }: Asked): Promise<Answered> {
  const sent = request(new URL(asked.path, origin), { ...asked, agent });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const { statusCode: status, headers } = response;
  return { status, connection: headers.connection, body: await text(response) };
}

/** Calls on connections that are kept, as many at a time, until it is stopped. */
class Load {
  readonly answers: Answered[] = [];
  readonly failures: unknown[] = [];
  private isOver = false;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  private readonly callers: Promise<void>[];

  constructor(origin: string, asked: Asked) {
    this.callers = Array.from({ length: CONNECTIONS }, async () => {
      while (!this.isOver) {
        await ask(origin, this.agent, asked).then(
          (answer) => this.answers.push(answer),
          (error: unknown) => this.failures.push(error),
        );
        // As many clients that are not always busy; the processor is left to others.
        await delay(20);
      }
    });
  }

  async end(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.callers);
    this.agent.destroy();
  }
}

it('no call fails when two replicas are exchanged one after the other under load on kept connections', async () => {
  await using runtime = await friendlyRuntime();
  await using balancer = await ReadinessBalancer.start();
  await using replicas = new AsyncDisposableStack();
  const start = async (): Promise<ServerProcess> => {
    const environment = { CYBERUN_RUNTIME_URL: runtime.url, ...DRAIN };
    const replica = replicas.use(await ServerProcess.start(environment, ['--role', 'mcp']));
    balancer.add(replica.endpoint);
    return replica;
  };
  let current = [await start(), await start()];
  await until(() => Promise.resolve(balancer.readyCount === 2));
  const load = new Load(balancer.origin, LIST);

  for (let update = 0; update < UPDATES; update += 1) {
    const added: ServerProcess[] = [];
    for (const leaving of current) {
      added.push(await start());
      await until(() => Promise.resolve(balancer.readyCount === 3));
      expect(await leaving.end('SIGTERM')).toBe(0);
      await until(() => Promise.resolve(balancer.readyCount === 2));
    }
    current = added;
  }
  await until(() => Promise.resolve(load.answers.length >= CALLS));
  await load.end();

  expect(load.failures).toEqual([]);
  const wrong = load.answers.filter(
    ({ status, body }) => status !== 200 || !body.includes('"workflow_list"'),
  );
  expect(wrong).toEqual([]);
  console.log(`${UPDATES} rolling updates of two replicas: 0 of ${load.answers.length} calls failed`);
  // Both departures were announced to connections that were in use.
  expect(load.answers.filter(({ connection }) => connection === 'close').length).toBeGreaterThan(
    CONNECTIONS / 4,
  );
});

/** Of every part that answers: routes, paths without one, the gateway, the file store, and health. */
const PATHS = [
  '/api/v1/r/workflows',
  '/no/such/path',
  '/api/v1/gateway',
  '/api/v1/files/x/y',
  '/health/live',
];

it('a runtime that shuts down says so in every answer until it accepts no more', async () => {
  await using server = await ServerProcess.start(DRAIN, ['--role', 'runtime']);
  const headers = { Authorization: `Bearer ${server.key}` };
  const agent = new Agent({ keepAlive: true });
  const asked = (path: string) => ask(server.endpoint, agent, { method: 'GET', path, headers });
  const all = () => Promise.all([...PATHS, ...PATHS].map(asked));
  const before = await all();
  expect(before.filter(({ connection }) => connection !== 'keep-alive')).toEqual([]);

  const ended = server.end('SIGTERM');
  await until(async () => (await asked('/health/ready')).status === 503);
  const after = await all();

  expect(after.filter(({ connection }) => connection !== 'close')).toEqual([]);
  expect(after.map(({ status }) => status)).toEqual(before.map(({ status }) => status));
  expect(await ended).toBe(0);
  agent.destroy();
});
