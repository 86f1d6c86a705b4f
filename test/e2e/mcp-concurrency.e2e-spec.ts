import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { McpApp } from '../support/mcp-app.js';
import { answerOf, call, McpHttp, rpc } from '../support/mcp-http.js';
import { until } from '../support/processes.js';

const PER_KEY = 3;
const IN_ALL = 5;

let app: McpApp;
let left: AbortController;

beforeEach(async () => {
  app = await McpApp.start({ limits: { requests: IN_ALL, requestsPerKey: PER_KEY } });
  left = new AbortController();
});

afterEach(async () => {
  left.abort();
  app.odd.release();
  held.length = 0;
  await app[Symbol.asyncDispose]();
});

const whileHere = (): { signal: AbortSignal } => ({ signal: left.signal });

let keys = 0;
/** A client with an unused key. */
const client = (): McpHttp => new McpHttp(app, `sk-concurrent-${(keys += 1)}-0123456789`);

const quick = (http: McpHttp): Promise<Response> =>
  http.stateless('tools/call', { name: 'echo', arguments: {} });
const isRefused = async (http: McpHttp): Promise<boolean> => (await quick(http)).status === 429;

interface Way {
  readonly what: string;
  /** Makes one that stays open until the test leaves. */
  readonly open: (http: McpHttp) => Promise<void>;
  /** Asks for one more. */
  readonly more: (http: McpHttp) => Promise<Response>;
  /** Id of what is refused then. */
  readonly id: number | string | null;
}

/** Of streams: a response without a reference could not be aborted. */
const held: Response[] = [];
async function listening(response: Promise<Response>): Promise<void> {
  held.push(await response);
  expect(held.at(-1)?.status).toBe(200);
}
async function begun(sending: () => Promise<Response>): Promise<void> {
  const waiting = app.odd.next('waiting');
  sending().catch(() => undefined);
  await waiting;
}
const subscribed = (http: McpHttp): Promise<Response> =>
  http.stateless('subscriptions/listen', { notifications: { toolsListChanged: true } }, whileHere());

const WAYS: readonly Way[] = [
  {
    what: 'calls of 2026-07-28',
    open: (http) => begun(() => http.stateless('tools/call', { name: 'wait', arguments: {} }, whileHere())),
    more: quick,
    id: 1,
  },
  {
    what: 'streams of 2026-07-28',
    open: (http) => begun(() => http.stateless('tools/call', { name: 'stream', arguments: {} }, whileHere())),
    more: quick,
    id: 1,
  },
  {
    what: 'subscriptions',
    open: (http) => listening(subscribed(http)),
    more: subscribed,
    id: 1,
  },
  {
    what: 'calls of sessions',
    open: async (http) => {
      const session = await http.open();
      await begun(() => http.ask(session, call('wait'), whileHere()));
    },
    more: async (http) => await http.ask(await http.open(), call('echo', {}, 'more')),
    id: 'more',
  },
  {
    what: 'streams of sessions',
    open: async (http) => await listening(http.listen(await http.open(), whileHere())),
    more: async (http) => await http.listen(await http.open()),
    id: null,
  },
];

describe.each(WAYS)('with $what', ({ open, more, id }) => {
  const fill = async (http: McpHttp, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await open(http);
  };

  it('a key has a limit of open calls, which does not affect other keys', async () => {
    const http = client();
    await fill(http, PER_KEY);

    const refused = await more(http);

    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await answerOf(refused)).toEqual({
      jsonrpc: '2.0',
      error: { code: -32000, message: expect.stringMatching(/^Too Many Requests: .*\b3\b.*open/) },
      id,
    });
    // What is answered at once never waits in line.
    expect((await http.stateless('tools/list')).status).toBe(200);
    expect((await quick(client())).status).toBe(200);
  });

  it('all keys together have a limit of open calls, and an ended call makes room', async () => {
    const [one, other, third] = [client(), client(), client()];
    await fill(one, PER_KEY);
    await fill(other, IN_ALL - PER_KEY);

    const refused = await more(third);

    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await answerOf(refused)).toMatchObject({
      error: { code: -32000, message: expect.stringMatching(/^Service Unavailable: /) },
      id,
    });

    left.abort();
    app.odd.release();
    await until(async () => !(await isRefused(one)) && (await quick(third)).status === 200);
    left = new AbortController();
    await fill(third, PER_KEY);
    expect(await isRefused(third)).toBe(true);
  });
});

it('a key with all its calls open still cancels, answers and ends sessions', async () => {
  const http = client();
  const session = await http.open();
  for (const id of ['a', 'b', 'c']) await begun(() => http.ask(session, call('wait', {}, id), whileHere()));
  expect((await http.ask(session, rpc('ping'))).status).toBe(429);

  const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'b' } };
  expect((await http.ask(session, cancelled)).status).toBe(202);
  await until(async () => (await http.ask(session, rpc('ping'))).status === 200);

  await begun(() => http.ask(session, call('wait', {}, 'd'), whileHere()));
  expect((await http.ask(session, rpc('ping'))).status).toBe(429);
  expect((await http.send('DELETE', undefined, { session })).status).toBe(200);
  await until(async () => !(await isRefused(http)));
});

it('a key with all its calls open may still replace the stream of a session by a new one', async () => {
  const http = client();
  const session = await http.open();
  const first = await http.listen(session);
  for (let n = 1; n < PER_KEY; n += 1) await listening(http.listen(await http.open(), whileHere()));
  expect(await isRefused(http)).toBe(true);
  await listening(http.listen(session, whileHere()));
  expect(await first.text()).not.toContain('data:');
  expect(await isRefused(http)).toBe(true);
});

it('a key gets no more calls when it sends them in one batch', async () => {
  const http = client();
  const session = await http.open({}, '2025-03-26');
  const batch = Array.from({ length: PER_KEY + 1 }, (_, id) => call('echo', {}, id));
  const refused = await http.send('POST', batch, { session });
  expect(refused.status).toBe(429);
  expect(await answerOf(refused)).toMatchObject({ error: { code: -32000 }, id: null });
  expect((await http.send('POST', batch.slice(1), { session })).status).toBe(200);
});
