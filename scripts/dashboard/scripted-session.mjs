// A server with PostgreSQL and Redis, another one in front of it that keeps sessions in its memory, and clients that do what makes the panels of the dashboard move: runs that succeed,
// fail and wait, calls of a service, open streams, wrong keys and requests beyond a bound.
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { PostgresqlServer } from '../../test/support/postgresql-server.ts';
import { RedisServer } from '../../test/support/redis-server.ts';
import { buildIfStale } from '../build-if-stale.mjs';
import { startServer } from '../session/session-server.mjs';

const KEY = `sk-${'dashboard-session'.padEnd(40, '0')}`;
const WRONG_KEY = `sk-${'wrong'.padEnd(40, '0')}`;
const ROUND_MS = 500;
const TOO_LARGE = 5_000_000;

const workflow = (name, command, metadata = '') => `document:
  dsl: '1.0.0'
  namespace: examples
  name: ${name}
  version: '1.0.0'
  metadata: { ${metadata} }
do:
  - step:
      run:
        shell:
          command: ${command}
`;
const WORKFLOWS = {
  quick: workflow('quick', 'sleep 0.5'),
  failing: workflow('failing', 'exit 1', 'max_retries: 1'),
  waiting: workflow('waiting', 'sleep 0.1', 'labels: [moon]'),
};

/** Starts the servers; their data is in the folder. */
export async function startSession(folder) {
  buildIfStale();
  const workflows = join(folder, 'workflows');
  mkdirSync(workflows);
  for (const [name, text] of Object.entries(WORKFLOWS)) writeFileSync(join(workflows, `${name}.yaml`), text);
  const started = new AsyncDisposableStack();
  const start = async (settings, role) => {
    const server = await startServer({ CYBERUN_METRICS_PORT: '0', ...settings }, role);
    started.defer(server.end);
    return server;
  };
  try {
    const postgresql = started.use(await PostgresqlServer.start());
    const redis = started.use(await RedisServer.start());
    const all = await start({
      CYBERUN_DATA_DIR: join(folder, 'server'),
      CYBERUN_DATABASE_URL: await postgresql.newDatabase(),
      CYBERUN_REDIS_URL: redis.url,
      CYBERUN_WORKFLOWS_DIR: workflows,
      CYBERUN_BOOTSTRAP_KEY: KEY,
    });
    const runtime = all.endpoint.replace(/\/mcp$/, '');
    const front = await start({ CYBERUN_RUNTIME_URL: runtime }, 'mcp');
    const servers = [all, front];
    return {
      targets: servers.map(({ metricsUrl }) => new URL(metricsUrl).host),
      runFor: (seconds) => runFor(servers, seconds, started),
      end: () => started.disposeAsync(),
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

/** Each server has a client with a session and an open stream, and one that speaks 2026-07-28. */
async function runFor(servers, seconds, started) {
  const until = Date.now() + seconds * 1000;
  const clients = [];
  for (const { endpoint } of servers)
    for (const options of [{}, { versionNegotiation: { mode: 'auto' } }]) {
      const client = await connected(endpoint, options);
      started.defer(() => client.close());
      clients.push(client);
    }
  for (let n = 0; n < 3; n += 1) await run(clients[0], 'waiting');
  while (Date.now() < until) {
    for (const client of clients) await round(client);
    for (const { endpoint } of servers) await mistakes(endpoint);
    await delay(ROUND_MS);
  }
}

const run = (client, workflow_slug, more = {}) =>
  client.callTool({ name: 'run_workflow_by_slug', arguments: { workflow_slug, ...more } });

async function round(client) {
  await client.listTools();
  await client.callTool({ name: 'list_workflows', arguments: {} });
  const { structuredContent } = await run(client, 'quick', { wait_seconds: 20 });
  await client.callTool({ name: 'get_task', arguments: { task_id: structuredContent.task_id } });
  await run(client, 'failing');
  await run(client, 'no-such-workflow');
  const request = { service_slug: 'notes', method: 'GET', path: '/notes' };
  await client.callTool({ name: 'call_container_service', arguments: request });
}

/** A key that is not known, a body that is too large, and what is no HTTP. */
async function mistakes(endpoint) {
  const post = async (key, body) => {
    const headers = {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    };
    await fetch(endpoint, { method: 'POST', headers, body }).then(
      (response) => response.text(),
      // The server may close the connection before it has read all.
      () => undefined,
    );
  };
  await post(WRONG_KEY, '{}');
  await post(KEY, 'x'.repeat(TOO_LARGE));
  const { hostname, port } = new URL(endpoint);
  const socket = connect(Number(port), hostname).on('error', () => undefined);
  socket.end('no HTTP\r\n\r\n').resume();
  await once(socket, 'close');
}

async function connected(endpoint, options) {
  const client = new Client({ name: 'dashboard-session', version: '1.0.0' }, options);
  const headers = { Authorization: `Bearer ${KEY}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(endpoint), { requestInit: { headers } }));
  return client;
}
