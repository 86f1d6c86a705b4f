import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { keysOf } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { startMcp } from '../support/mcp-application.js';
import { McpHttp, resultOf } from '../support/mcp-http.js';

const PER_KEY = 3;
const PER_ADDRESS = 4;
const FAILED_KEYS = 2;
const INVALID = 'sk-bad-0123456789abcdefghij';

let server: RuntimeServer;
beforeAll(async () => {
  server = await RuntimeServer.start(
    {},
    {
      env: {
        CYBERUN_HTTP_RATE_PER_KEY: String(PER_KEY),
        CYBERUN_HTTP_RATE_PER_ADDRESS: String(PER_ADDRESS),
        CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: String(FAILED_KEYS),
        CYBERUN_HTTP_TRUSTED_PROXIES: '127.0.0.1',
      },
    },
  );
});
afterAll(() => server[Symbol.asyncDispose]());

let count = 0;
const newAddress = (): string => `203.0.113.${(count += 1)}`;
const newKey = async (): Promise<string> =>
  (await keysOf(server).create({ kind: 'integration', display_name: 'of a test' })).raw_key;

/** A request for the list of tasks. */
const list = (headers: Record<string, string>): Promise<Response> =>
  fetch(`${server.origin}/api/v1/r/tasks`, { headers });
const by = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });

async function statuses(times: number, send: () => Promise<Response>): Promise<number[]> {
  const seen: number[] = [];
  for (let n = 0; n < times; n += 1) seen.push((await send()).status);
  return seen;
}

it('a key gets 429 above its rate with the time to wait, also when it claims to come from the server itself', async () => {
  const key = await newKey();
  expect(await statuses(PER_KEY, () => list(by(key)))).toEqual([200, 200, 200]);
  const refused = await list({ ...by(key), 'cyberun-own-request': 'true' });
  const seconds = Number(refused.headers.get('retry-after'));
  expect([refused.status, seconds > 0 && seconds <= 60 / PER_KEY]).toEqual([429, true]);
  expect(await refused.json()).toEqual({
    error_message: `Too Many Requests: This key has made more than ${PER_KEY} requests per minute. Try again in ${seconds} seconds, and more slowly.`,
  });
  expect((await list(by(await newKey()))).status).toBe(200);
});

it('an address gets 429 above its rate, with a key or without', async () => {
  const headers = { 'x-forwarded-for': newAddress() };
  expect(await statuses(PER_ADDRESS + 1, () => list(headers))).toEqual([401, 401, 401, 401, 429]);
  expect((await list({ ...headers, ...by(await newKey()) })).status).toBe(429);
  expect((await list({ 'x-forwarded-for': newAddress() })).status).toBe(401);
});

it('an address with too many keys that are not valid has further ones refused, at the REST API and at the gateway', async () => {
  const address = { 'x-forwarded-for': newAddress() };
  const known = await newKey();
  expect((await list({ ...by(known), 'x-forwarded-for': newAddress() })).status).toBe(200);
  expect(await statuses(FAILED_KEYS, () => list({ ...address, ...by(INVALID) }))).toEqual([401, 401]);
  expect((await list({ ...address, ...by(INVALID) })).status).toBe(429);
  expect((await list({ ...address, ...by(known) })).status).toBe(200);

  const agentsAddress = { 'x-forwarded-for': newAddress() };
  const dialled = async (): Promise<[number | undefined, string]> => {
    const headers = { ...agentsAddress, authorization: 'Bearer ak-bad-0123456789abcdefghij' };
    const socket = new WebSocket(`${server.origin.replace('http', 'ws')}/api/v1/gateway`, { headers });
    socket.on('error', () => undefined);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    const text = String(await response.setEncoding('utf8').toArray());
    return [response.statusCode, text];
  };
  expect([(await dialled())[0], (await dialled())[0]]).toEqual([401, 401]);
  expect(await dialled()).toEqual([
    429,
    expect.stringContaining('Too many keys from your address are not valid.'),
  ]);
});

it('the runtime does not count what a trusted server of role mcp has counted, and counts all others that say so', async () => {
  await using mcp = await startMcp(`${server.origin}/api/v1`, { CYBERUN_HTTP_RATE_PER_KEY: '1000' });
  const key = await newKey();
  const http = new McpHttp({ url: mcp.endpoint }, key);
  const calls = 2 * Math.max(PER_KEY, PER_ADDRESS);
  for (let n = 0; n < calls; n += 1) {
    const response = await http.stateless('tools/call', { name: 'list_tasks', arguments: {} });
    expect((await resultOf(response)).structuredContent).toMatchObject({ task_list: [] });
  }
  const marked = { ...by(key), 'cyberun-own-request': 'counted' };
  const outsider = { ...marked, 'x-forwarded-for': newAddress() };
  expect(await statuses(PER_KEY + 1, () => list(outsider))).toEqual([200, 200, 200, 429]);
  // A client of a proxy whose address counts as trusted, too.
  expect((await list({ ...marked, 'x-forwarded-for': '127.0.0.1' })).status).toBe(429);
  const unknown = { 'x-forwarded-for': newAddress(), 'cyberun-own-request': 'counted' };
  expect(await statuses(PER_ADDRESS + 1, () => list(unknown))).toEqual([401, 401, 401, 401, 429]);
});
