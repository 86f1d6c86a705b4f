import { afterAll, beforeAll, expect, it } from 'vitest';

import { McpApp } from '../support/mcp-app.js';
import { McpHttp } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { RedisServer } from '../support/redis-server.js';

const PER_KEY = 6;

let redis: RedisServer;
let apps: readonly [McpApp, McpApp];

const started = (): Promise<McpApp> =>
  McpApp.start({
    environment: { CYBERUN_REDIS_URL: redis.url, CYBERUN_HTTP_RATE_PER_KEY: String(PER_KEY) },
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
/** How many of so many requests at once, half of them at each replica, are answered. */
async function answered(requests: number): Promise<number> {
  const key = `sk-rates-${(keys += 1)}-0123456789abcdef`;
  const clients = apps.map((app) => new McpHttp(app, key));
  const sent = clients.flatMap((client) =>
    Array.from({ length: requests / apps.length }, () => client.stateless('tools/list')),
  );
  const responses = await Promise.all(sent);
  return responses.filter(({ status }) => status === 200).length;
}

/** How many lines have this text. Nest has one logger for a process, so the log of one of them has the lines of all. */
const logged = (text: string): number =>
  apps.flatMap(({ log }) => log.lines).filter((line) => line.includes(text)).length;

it('replicas with Redis count the requests of a key together, and each alone while Redis is away', async () => {
  expect(await answered(4 * PER_KEY)).toBe(PER_KEY);

  await redis.kill();
  expect(await answered(4 * PER_KEY)).toBe(2 * PER_KEY);
  expect(logged('Rates are counted by this process alone')).toBe(apps.length);

  await redis.start();
  const areBack = (): Promise<boolean> => answered(4 * PER_KEY).then((count) => count === PER_KEY);
  await until(areBack);
  await until(() => Promise.resolve(logged('Rates are counted over all replicas again.') === apps.length));
});
