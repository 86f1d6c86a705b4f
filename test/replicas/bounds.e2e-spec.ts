import { hash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { SessionStore } from '../../src/mcp/storage/index.js';
import { IDLE_MS, IDLING } from '../support/idling.js';
import { McpApp } from '../support/mcp-app.js';
import { McpHttp, rpc } from '../support/mcp-http.js';
import { RedisServer } from '../support/redis-server.js';

const HELLO = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
const PING = rpc('ping');
const SESSIONS = 3;

let redis: RedisServer;
let apps: readonly [McpApp, McpApp];

const started = (environment: Record<string, string> = {}): Promise<McpApp> =>
  McpApp.start({
    environment: {
      CYBERUN_REDIS_URL: redis.url,
      CYBERUN_MCP_SESSIONS_PER_KEY: String(SESSIONS),
      ...environment,
    },
  });

beforeAll(async () => {
  redis = await RedisServer.start();
  apps = await Promise.all([started(), started()]);
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  await redis[Symbol.asyncDispose]();
});

let keys = 0;
type Pair = readonly [McpHttp, McpHttp];
/** A client of both replicas, with an unused key. */
function pair(key = `sk-replica-bounds-${(keys += 1)}-0123456789`, [one, other] = apps): Pair {
  return [new McpHttp(one, key), new McpHttp(other, key)];
}
const initialize = (http: McpHttp, id = 'hello'): Promise<Response> =>
  http.send('POST', rpc('initialize', HELLO, id));

it('a key has at most the allowed sessions over all replicas, for any number of requests at once', async () => {
  const clients = pair();
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, n) => initialize(clients[n % 2 ? 0 : 1], `n${n}`)),
  );
  const opened = answers.filter(({ status }) => status === 200);
  expect(opened).toHaveLength(SESSIONS);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(30 - SESSIONS);

  const session = opened[0]?.headers.get('mcp-session-id') ?? '';
  expect((await clients[1].send('DELETE', undefined, { session })).status).toBe(200);
  expect((await initialize(clients[0])).status).toBe(200);
  const refused = await initialize(clients[1], 'one more');
  expect(refused.status).toBe(429);
  expect(await refused.json()).toMatchObject({ id: 'one more', error: { code: -32000 } });
  expect((await initialize(pair()[0])).status).toBe(200);
});

it('a session of a key counts while it is used and not after it has expired', async () => {
  await using first = await started(IDLING);
  await using second = await started(IDLING);
  const clients = pair(undefined, [first, second]);
  const used = await clients[0].open();
  for (let n = 1; n < SESSIONS; n += 1) await clients[1].open();
  const begun = Date.now();
  while (Date.now() - begun < IDLE_MS + 500) {
    expect((await clients[1].ask(used, PING)).status).toBe(200);
    await delay(250);
  }

  for (let n = 1; n < SESSIONS; n += 1) expect((await initialize(clients[n % 2 ? 0 : 1])).status).toBe(200);
  expect((await initialize(clients[0])).status).toBe(429);
  expect((await clients[0].ask(used, PING)).status).toBe(200);
});

it('the sessions of a key are counted under its hash, in a list that expires', async () => {
  const key = 'sk-replica-bounds-secret-0123456789';
  await pair(key)[0].open();
  const client = new Redis(redis.url);
  const names = await client.keys('*');
  const list = `cyberun:mcp:{${hash('sha256', key, 'base64url')}}:sessions`;
  expect(names).toContain(list);
  expect(names.filter((name) => name.includes('secret'))).toEqual([]);
  expect(await client.pttl(list)).toBeGreaterThan(0);
  client.disconnect();
});

it.each(['POST', 'GET'])(
  'a session that ends at the other replica during a %s stays ended',
  async (method) => {
    const [here, there] = pair();
    const session = await here.open();
    const sessions = apps[0].app.get(SessionStore, { strict: false });
    const find = sessions.find.bind(sessions);
    const asked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    sessions.onEnded(() => ended.resolve());
    vi.spyOn(sessions, 'find').mockImplementationOnce(async (id, holder) => {
      const found = await find(id, holder);
      asked.resolve();
      await ended.promise;
      return found;
    });

    const answer = here.send(method, method === 'POST' ? PING : undefined, { session });
    await asked.promise;
    expect((await there.send('DELETE', undefined, { session })).status).toBe(200);

    expect((await answer).status).toBe(404);
  },
);
