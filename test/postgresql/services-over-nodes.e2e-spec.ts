import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { keysOf, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { answering, definitionOf } from '../e2e/service-support/service-fixture.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';

let postgresql: PostgresqlServer;
let folder: string;
/** The node that gets the calls, and the one that has the first agent; only `back` has the files of the services. */
let front: RuntimeServer;
let back: RuntimeServer;
let agents: TestAgent[];

const copies = (count: number): string =>
  `slug: copies
command: [node, '${join(import.meta.dirname, '../e2e/service-support/replica-service.mjs')}']
replica_count: ${count}
`;

type Sent = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };
const at = (node: RuntimeServer, path: string, init: Sent = {}): Promise<Response> =>
  fetch(`${node.origin}/api/v1/r/containers${path}`, {
    redirect: 'manual',
    ...init,
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, ...init.headers },
  });
const isRunning = async (slug: string): Promise<boolean> =>
  (await front.get(`/r/containers/${slug}`)).body.service_status === 'running';
/** What both nodes show, once they show the same. */
const shownAlike = async (path: string): Promise<unknown> => {
  const shown = await Promise.all([front, back].map((node) => node.get(path)));
  const [here, there] = shown.map(({ body }) => JSON.stringify(body).replaceAll(/http:\/\/[^/]+/g, ''));
  return here === there ? shown[0]?.body : undefined;
};

beforeAll(async () => {
  postgresql = await PostgresqlServer.start();
  folder = await mkdtemp(join(tmpdir(), 'cyberun-services-'));
  await writeFile(join(folder, 'odd.yaml'), definitionOf('odd'));
  await writeFile(join(folder, 'literal.yaml'), definitionOf('literal'));
  await writeFile(join(folder, 'copies.yaml'), copies(2));
  const env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  front = await RuntimeServer.start({}, { env });
  back = await RuntimeServer.start({}, { env: { ...env, CYBERUN_SERVICES_DIR: folder } });
  agents = [await TestAgent.start(back, { agentId: 'at-back' })];
  await until(async () => (await isRunning('odd')) && (await isRunning('literal')));
  await until(async () => (await front.get('/r/containers/copies')).body.running_replicas === 2);
});
afterAll(async () => {
  for (const agent of agents) await agent[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await back[Symbol.asyncDispose]();
  await postgresql[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it('every node lists the same states, and shows the log of a service that runs at another one', async () => {
  await until(async () => (await shownAlike('/r/containers')) !== undefined);
  expect(await shownAlike('/r/containers')).toMatchObject({
    service_list: [
      { service_slug: 'copies', service_status: 'running', running_replicas: 2 },
      { service_slug: 'literal', service_status: 'running' },
      { service_slug: 'odd', service_status: 'running' },
    ],
  });
  const { replicas } = (await front.get('/r/containers/copies')).body;
  expect(replicas).toMatchObject([
    { replica: 1, agent_id: 'at-back', log_lines: ['replica 1 begins with undefined'] },
    { replica: 2, agent_id: 'at-back', log_lines: ['replica 2 begins with undefined'] },
  ]);
});

it('a call at the wrong node reaches the service, which sees the caller and the address of the call once', async () => {
  const answer = await at(front, '/copies/', { headers: { 'x-forwarded-for': '203.0.113.7' } });
  const { headers } = (await answer.json()) as { headers: Record<string, string> };
  expect([answer.status, headers['x-forwarded-for'], headers['x-forwarded-host']]).toEqual([
    200,
    '203.0.113.7, 127.0.0.1',
    new URL(front.origin).host,
  ]);
  expect(headers['x-forwarded-prefix']).toBe('/api/v1/r/containers/copies');
  expect(headers['authorization']).toBeUndefined();
  const invoked = await front.call('POST', '/r/invoke/copies', { method: 'GET', path: '/' });
  expect([invoked.status, invoked.body.status_code]).toEqual([200, 200]);
});

it('a Location of a forwarded call is rewritten once', async () => {
  const plan = answering(
    ['say', 'HTTP/1.1 302 Found\r\nLocation: /next?a=1\r\nContent-Length: 0\r\n\r\n'],
    ['end'],
  );
  const answer = await at(front, `/literal${plan}`);
  expect([answer.status, answer.headers.get('location')]).toEqual([
    302,
    '/api/v1/r/containers/literal/next?a=1',
  ]);
});

it('a forwarded answer that is only ended by the connection is complete, and a cut one is not', async () => {
  const head = 'HTTP/1.1 200 OK\r\n\r\nhello';
  expect(await (await at(front, `/literal${answering(['say', head], ['end'])}`)).text()).toBe('hello');
  const cut = await at(front, `/literal${answering(['say', head], ['wait', 50], ['reset'])}`);
  await expect(cut.text()).rejects.toThrow(/terminated/);
});

it('4 MB are forwarded in both directions unchanged', async () => {
  const size = 4 * 1024 * 1024;
  const up = await at(front, '/copies/count', { method: 'POST', body: Buffer.alloc(size) });
  expect((await up.text()).split(':')[1]).toBe(String(size));
  const down = await at(front, `/copies/sized?bytes=${size}`);
  const hash = createHash('sha256');
  for await (const chunk of down.body ?? []) hash.update(chunk as Uint8Array);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(size, 'x')).digest('hex'));
});

it('a WebSocket at the wrong node is forwarded in both directions until it closes', async () => {
  const url = `${front.origin.replace('http', 'ws')}/api/v1/r/containers/odd/room?a=1`;
  const webSocket = new WebSocket(url, ['chat'], { headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` } });
  const [welcome] = await once(webSocket, 'message');
  expect(String(welcome)).toBe('welcome to /room?a=1, /api/v1/r/containers/odd');
  const message = Buffer.alloc(3_000_000, 7);
  webSocket.send(message);
  const [echoed] = await once(webSocket, 'message');
  expect((echoed as Buffer).equals(message)).toBe(true);
  webSocket.close(4321, 'enough');
  expect(await once(webSocket, 'close')).toEqual([4321, Buffer.from('enough')]);
});

it('a forwarded call that its caller gives up ends at the service', async () => {
  const gone = new AbortController();
  const held = await at(front, '/copies/hold', { signal: gone.signal });
  expect(held.status).toBe(200);
  gone.abort();
  await until(async () => {
    const answers = await Promise.all([at(front, '/copies/held'), at(front, '/copies/held')]);
    return (await Promise.all(answers.map((answer) => answer.text()))).every((text) => text === '0');
  });
});

it('a node takes calls of other nodes only with the key of a caller that may call services', async () => {
  const { raw_key } = await keysOf(front).create({
    kind: 'integration',
    display_name: 'no invoke',
    permissions: ['run'],
  });
  for (const [key, status] of [
    ['sk-wrong', 401],
    [raw_key, 403],
  ] as const) {
    const url = `${back.origin.replace('http', 'ws')}/api/v1/gateway/services`;
    const webSocket = new WebSocket(url, { headers: { authorization: `Bearer ${key}` } });
    webSocket.on('error', () => undefined);
    const [, answer] = await once(webSocket, 'unexpected-response');
    expect(answer.statusCode).toBe(status);
  }
});

it('replicas are spread over the agents of all nodes, and calls at any node reach all of them', async () => {
  agents.push(await TestAgent.start(front, { agentId: 'at-front' }));
  await until(async () => {
    const { replicas } = (await front.get('/r/containers/copies')).body;
    const running = (replicas as { replica_status: string; agent_id: string }[]).filter(
      ({ replica_status }) => replica_status === 'running',
    );
    return (
      running
        .map(({ agent_id }) => agent_id)
        .sort()
        .join() === 'at-back,at-front'
    );
  });
  for (const node of [front, back]) {
    const replicas = new Set<string>();
    for (let calls = 0; calls < 4; calls += 1)
      replicas.add(((await (await at(node, '/copies/')).json()) as { replica: string }).replica);
    expect(replicas).toEqual(new Set(['1', '2']));
  }
});

it('a node that stops gives its services to the agents of the others, and calls go on', async () => {
  const stopped = back.stop();
  const statuses = new Set<number>();
  for (let calls = 0; calls < 20; calls += 1) statuses.add((await at(front, '/copies/')).status);
  await stopped;
  expect([...statuses]).toEqual([200]);
  await until(async () => (await front.get('/r/containers/copies')).body.running_replicas === 2);
  await until(() => isRunning('odd'));
});
