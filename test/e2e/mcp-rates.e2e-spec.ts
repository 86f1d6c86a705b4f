import { Module } from '@nestjs/common';
import { McpController, Tool } from '@rekog/mcp-nest';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { McpModule, RateCost } from '../../src/mcp/index.js';
import { FakeRuntime, McpApp } from '../support/mcp-app.js';
import { allOf, call, McpHttp, rpc } from '../support/mcp-http.js';
import { until } from '../support/processes.js';

const PER_KEY = 8;
const PER_ADDRESS = 12;
const FAILED_KEYS = 2;

/** As an operator would write it. */
@McpController()
class CostlyTools {
  @RateCost(5)
  @Tool({ name: 'render', description: 'Renders a film.' })
  render(): object {
    return { film: 'there' };
  }
}

@Module({ imports: [McpModule], controllers: [CostlyTools] })
class OperatorModule {}

let runtime: FakeRuntime;
let app: McpApp;
beforeAll(async () => {
  runtime = new FakeRuntime();
  runtime.validate = (key) => ({ isValid: !key.startsWith('sk-bad') });
  app = await McpApp.start({
    modules: [OperatorModule],
    runtime,
    environment: {
      CYBERUN_HTTP_RATE_PER_KEY: String(PER_KEY),
      CYBERUN_HTTP_RATE_PER_ADDRESS: String(PER_ADDRESS),
      CYBERUN_HTTP_FAILED_KEYS_PER_ADDRESS: String(FAILED_KEYS),
      CYBERUN_HTTP_TRUSTED_PROXIES: '127.0.0.1',
    },
  });
});
afterAll(() => app[Symbol.asyncDispose]());
// No allowance comes back during a test, however slow the machine is.
beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1_000_000));
afterEach(() => void vi.restoreAllMocks());

let count = 0;
const newKey = (kind = 'good'): string => `sk-${kind}-${(count += 1)}-0123456789abcdef`;
/** An address that no other test has. */
const newAddress = (): string => `203.0.113.${(count += 1)}`;
const clientOf = (key = newKey()): McpHttp => new McpHttp(app, key);

/** A request of 2026-07-28 as it comes from a proxy in front of this client. */
const from = (address: string, http: McpHttp): Promise<Response> =>
  http.stateless('tools/list', {}, { headers: { 'X-Forwarded-For': address } });

/** The statuses of so many requests, one after another. */
async function statuses(times: number, send: (n: number) => Promise<Response>): Promise<number[]> {
  const seen: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const response = await send(n);
    await response.text();
    seen.push(response.status);
  }
  return seen;
}
const all = (times: number, status: number): number[] => Array<number>(times).fill(status);

it('a key gets 429 above its rate, with a JSON-RPC error and the time to wait, and other keys go on', async () => {
  const http = clientOf();
  expect(await statuses(PER_KEY, () => http.stateless('tools/list'))).toEqual(all(PER_KEY, 200));

  const refused = await http.stateless('tools/list');

  expect(refused.status).toBe(429);
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60 / PER_KEY + 1);
  expect(await refused.json()).toEqual({
    jsonrpc: '2.0',
    error: {
      code: -32000,
      message: `Too Many Requests: This key has made more than ${PER_KEY} requests per minute. Try again in ${seconds} seconds, and more slowly.`,
    },
    id: null,
  });
  expect((await clientOf().stateless('tools/list')).status).toBe(200);
});

it('a request above the rate of its key is refused before its body is read', async () => {
  const key = newKey();
  const headers = {
    Authorization: `Bearer ${key}`,
    Accept: 'application/json, text/event-stream',
    'Content-Type': 'application/json',
  };
  const sendNonsense = (): Promise<Response> => fetch(app.url, { method: 'POST', headers, body: 'not JSON' });
  expect(await statuses(PER_KEY + 1, sendNonsense)).toEqual([...all(PER_KEY, 400), 429]);
});

it('an address gets 429 above its rate with any key or none, without its key being checked, and other addresses go on', async () => {
  const address = newAddress();
  expect(await statuses(PER_ADDRESS, () => from(address, clientOf()))).toEqual(all(PER_ADDRESS, 200));
  const unused = newKey();
  const refused = await from(address, clientOf(unused));
  expect(refused.status).toBe(429);
  expect(await refused.json()).toMatchObject({
    error: { message: expect.stringContaining(`Your address has made more than ${PER_ADDRESS} requests`) },
    id: null,
  });
  expect(runtime.validatedKeys).not.toContain(unused);
  const withoutKey = await fetch(app.url, { method: 'POST', headers: { 'X-Forwarded-For': address } });
  expect(withoutKey.status).toBe(429);
  // What a client writes before the address that the proxy adds counts for nothing.
  expect((await from(`${newAddress()}, ${address}`, clientOf())).status).toBe(429);
  expect((await from(newAddress(), clientOf())).status).toBe(200);
});

it('all addresses of an IPv6 network of 64 bits have one rate', async () => {
  const network = `2001:db8:${(count += 1)}:1`;
  const sent = await statuses(PER_ADDRESS + 1, (n) => from(`${network}::${n.toString(16)}`, clientOf()));
  expect(sent).toEqual([...all(PER_ADDRESS, 200), 429]);
  expect((await from(`2001:db8:${(count += 1)}:1::1`, clientOf())).status).toBe(200);
});

it('an address with too many keys that are not valid has further ones refused unchecked, but not keys that were valid', async () => {
  const address = newAddress();
  const known = newKey();
  expect((await from(address, clientOf(known))).status).toBe(200);
  expect(await statuses(FAILED_KEYS, () => from(address, clientOf(newKey('bad'))))).toEqual([401, 401]);
  expect((await from(address, clientOf(newKey('bad')))).status).toBe(429);

  const guess = newKey('bad');
  const unknown = newKey();
  const refused = await from(address, clientOf(guess));
  expect([refused.status, (await from(address, clientOf(unknown))).status]).toEqual([429, 429]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    error: { message: expect.stringContaining('Too many keys from your address are not valid.') },
  });
  expect(runtime.validatedKeys).not.toContain(guess);
  expect(runtime.validatedKeys).not.toContain(unknown);

  expect((await from(newAddress(), clientOf(unknown))).status).toBe(200);
  // The result in the cache is too old by now, so the key is checked again.
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 6000);
  expect((await from(address, clientOf(known))).status).toBe(200);
});

it('a key that is not valid counts once while its result is cached', async () => {
  const address = newAddress();
  const http = clientOf(newKey('bad'));
  expect(await statuses(FAILED_KEYS + 2, () => from(address, http))).toEqual(all(FAILED_KEYS + 2, 401));
});

it('each message of a batch counts as a request', async () => {
  const pings = (times: number): object[] =>
    Array.from({ length: times }, (_, n) => rpc('ping', undefined, n));
  const http = clientOf();
  // initialize and initialized are two.
  const session = await http.open({}, '2025-03-26');
  expect((await http.ask(session, pings(PER_KEY - 3))).status).toBe(200);
  expect((await http.ask(session, rpc('ping'))).status).toBe(200);
  expect((await http.ask(session, rpc('ping'))).status).toBe(429);

  const other = clientOf();
  const refused = await other.ask(await other.open({}, '2025-03-26'), pings(PER_KEY));
  expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true]);
});

it('a tool with a cost takes so much of the rate of the key, and is refused by a result that says when to call again', async () => {
  const http = clientOf();
  const render = async (): Promise<unknown> =>
    (
      (await (await http.stateless('tools/call', { name: 'render', arguments: {} })).json()) as {
        result: unknown;
      }
    ).result;
  expect(await render()).toMatchObject({ structuredContent: { film: 'there' } });
  expect(await render()).toMatchObject({
    isError: true,
    structuredContent: {
      error_message: expect.stringContaining(`This key has made more than ${PER_KEY} requests per minute.`),
      retry_after_seconds: expect.any(Number),
    },
  });
  expect((await http.stateless('tools/list')).status).toBe(200);
});

it('a cost that would change nothing is refused when the class is loaded', () => {
  expect(() => RateCost(1)).toThrow('@RateCost(1) must be a whole number of at least 2');
});

it('without settings no request is counted', async () => {
  await using free = await McpApp.start({ tools: 'plain' });
  const http = new McpHttp(free);
  expect(await statuses(50, () => http.stateless('tools/list'))).toEqual(all(50, 200));
});

it('a key has so many calls and so many streams open as it may, each counted without the other', async () => {
  await using limited = await McpApp.start({
    environment: { CYBERUN_MCP_CALLS_PER_KEY: '2', CYBERUN_MCP_STREAMS_PER_KEY: '3' },
  });
  const http = new McpHttp(limited);
  const session = await http.open();
  const waitFor = async (name: string, more: number): Promise<void> => {
    const before = limited.odd.waiting;
    for (let n = 0; n < more; n += 1)
      void http.ask(session, call(name, {}, `${name} ${n}`)).then(allOf, () => undefined);
    await until(() => Promise.resolve(limited.odd.waiting === before + more));
  };
  expect((await http.listen(session)).status).toBe(200);
  await waitFor('stream', 2);
  await waitFor('wait', 2);

  const oneMore = await http.ask(session, call('wait', {}, 'one more'));
  expect([oneMore.status, oneMore.headers.get('retry-after')]).toEqual([429, '1']);
  expect(await oneMore.json()).toMatchObject({
    id: 'one more',
    error: { code: -32000, message: expect.stringContaining('This key has 2 requests in progress here.') },
  });
  expect((await new McpHttp(limited, newKey()).stateless('tools/list')).status).toBe(200);

  limited.odd.release();
  await until(() => Promise.resolve(limited.odd.waiting === 0));
  await waitFor('stream', 2);
  for (const refused of [
    await http.ask(session, call('stream', {}, 'a stream')),
    await http.stateless('tools/call', { name: 'stream', arguments: {} }),
    await http.stateless('subscriptions/listen', { notifications: { toolsListChanged: true } }),
    await http.listen(await http.open()),
  ]) {
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await refused.json()).toMatchObject({
      error: { code: -32000, message: expect.stringContaining('This key has 3 streams open here.') },
    });
  }
  expect((await http.ask(session, call('echo', { text: 'x' }))).status).toBe(200);
  limited.odd.release();
});
