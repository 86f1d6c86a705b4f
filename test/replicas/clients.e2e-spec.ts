import { hash } from 'node:crypto';

import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CLIENTS } from '../support/clients.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { McpHttp } from '../support/mcp-http.js';
import { MockRuntime } from '../support/mock-runtime.js';
import { RedisServer } from '../support/redis-server.js';
import { RoundRobin } from '../support/round-robin.js';

const KEY = 'sk-replicas-0123456789abcdef';
const WORKFLOWS = { total: 0, current_page: 1, per_page: 20, workflow_list: [] };

let redis: RedisServer;
let runtime: MockRuntime;
let apps: readonly McpApplication[];
let balancer: RoundRobin;

beforeAll(async () => {
  redis = await RedisServer.start();
  runtime = await MockRuntime.start();
  runtime.on('GET /r/workflows', { json: WORKFLOWS });
  const settings = { CYBERUN_REDIS_URL: redis.url };
  apps = [await startMcp(runtime.url, settings), await startMcp(runtime.url, settings)];
  balancer = await RoundRobin.start(apps.map(({ endpoint }) => endpoint));
});

afterAll(async () => {
  await balancer[Symbol.asyncDispose]();
  for (const app of apps.toReversed()) await app[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

describe.each(CLIENTS)('$name, without sticky sessions', ({ revision, connect }) => {
  it('a client lists and calls tools through two replicas in turn', async () => {
    await using client = await connect({ endpoint: balancer.endpoint, key: KEY });
    expect(client.revision).toBe(revision);
    const before = [...balancer.counts];

    expect(await client.listTools()).toHaveLength(15);
    for (let turn = 0; turn < 6; turn += 1) {
      const { isError, structuredContent } = await client.call('list_workflows', {});
      expect(isError).toBeFalsy();
      expect(structuredContent).toMatchObject(WORKFLOWS);
    }

    for (const [replica, count] of balancer.counts.entries()) {
      expect(count - (before[replica] ?? 0)).toBeGreaterThanOrEqual(3);
    }
  });
});

it('Redis holds no session id and no key, and nothing without expiry; the keys of a session share a slot', async () => {
  const http = new McpHttp({ url: balancer.endpoint }, KEY);
  const id = await http.open();
  const left = new AbortController();
  await http.listen(id, { signal: left.signal });

  const client = new Redis(redis.url);
  const keys = (await client.scanStream({ match: '*' }).toArray()).flat() as string[];
  const places = `cyberun:mcp:{${hash('sha256', KEY, 'base64url')}}:sessions`;
  const everything = JSON.stringify([keys, await client.mget(keys), await client.zrange(places, 0, '-1')]);
  const livesLeft = await Promise.all(keys.map((key) => client.ttl(key)));
  left.abort();
  client.disconnect();

  const tag = hash('sha256', id);
  expect(keys).toEqual(
    expect.arrayContaining([`cyberun:mcp:{${tag}}:session`, `cyberun:mcp:{${tag}}:stream`, places]),
  );
  // Beside what belongs to sessions, each replica that runs streamed calls says that it is alive.
  for (const key of keys.filter((name) => name !== places))
    expect(key).toMatch(/^cyberun:mcp:(\{[0-9a-f]{64}\}:(session|stream)|replica:[0-9a-f-]{36})$/);
  expect(livesLeft.every((seconds) => seconds > 0)).toBe(true);
  for (const secret of [id, KEY, KEY.slice(3)]) expect(everything).not.toContain(secret);
});
