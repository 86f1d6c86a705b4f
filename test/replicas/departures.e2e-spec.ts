import { afterAll, beforeAll, expect, it } from 'vitest';

import { call, McpHttp } from '../support/mcp-http.js';
import { MockRuntime } from '../support/mock-runtime.js';
import { until } from '../support/processes.js';
import { RedisServer } from '../support/redis-server.js';
import { ServerProcess } from '../support/server.js';

const KEY = 'sk-departures-0123456789abcdef';

let redis: RedisServer;
let runtime: MockRuntime;

beforeAll(async () => {
  redis = await RedisServer.start();
  runtime = await MockRuntime.start();
  runtime.on('GET /r/workflows', { json: { total: 0, workflow_list: [] } });
});

afterAll(async () => {
  await runtime[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const replica = (more: Record<string, string> = {}): Promise<ServerProcess> => {
  const environment = { CYBERUN_RUNTIME_URL: runtime.url, CYBERUN_REDIS_URL: redis.url, ...more };
  return ServerProcess.start(environment, ['--role', 'mcp']);
};

const clientOf = ({ endpoint }: ServerProcess): McpHttp => new McpHttp({ url: endpoint }, KEY);

async function expectServed(server: ServerProcess, session: string): Promise<void> {
  const response = await clientOf(server).ask(session, call('list_workflows'));
  expect(await response.json()).toMatchObject({ result: { structuredContent: { total: 0 } } });
}

it('a replica that is killed leaves its sessions and their streams to the others', async () => {
  await using dying = await replica();
  await using staying = await replica();
  const session = await clientOf(dying).open();
  const stream = await clientOf(dying).listen(session);
  expect(stream.status).toBe(200);

  await dying.end('SIGKILL');

  await expect(stream.text()).rejects.toThrow('terminated');
  await expectServed(staying, session);
  expect((await clientOf(staying).listen(session)).status).toBe(200);
});

it('a replica that shuts down closes its streams, and others open them', async () => {
  await using leaving = await replica();
  await using staying = await replica();
  const session = await clientOf(leaving).open();
  const stream = await clientOf(leaving).listen(session);

  expect(await leaving.end('SIGTERM')).toBe(0);

  expect(await stream.text()).toBe('retry: 5000\n\n'.repeat(2));
  expect((await clientOf(staying).listen(session)).status).toBe(200);
  await expectServed(staying, session);
});

it('a replica with a drain time is not ready during it, and still serves requests', async () => {
  await using leaving = await replica({ CYBERUN_HTTP_DRAIN_SECONDS: '2' });
  const session = await clientOf(leaving).open();
  const readiness = async (): Promise<number> =>
    (await fetch(new URL('/health/ready', leaving.endpoint))).status;
  expect(await readiness()).toBe(200);

  const ended = leaving.end('SIGTERM');

  await until(async () => (await readiness()) === 503);
  await expectServed(leaving, session);
  expect(await ended).toBe(0);
});
