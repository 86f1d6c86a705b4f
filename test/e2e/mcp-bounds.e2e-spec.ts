import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { LimitCounter } from '../../src/mcp/calls/index.js';
import { LiveSessions } from '../../src/mcp/sessions/index.js';
import { SessionStore } from '../../src/mcp/storage/index.js';
import { KEY, McpApp } from '../support/mcp-app.js';
import { allOf, answerOf, call, McpHttp, rpc } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { head, Wire } from '../support/wire.js';

const PING = rpc('ping');
const HELLO = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
const SESSIONS = 3;
const REQUESTS = 4;
const URL_LENGTH = 4096;
const BODY_MS = 400;

let app: McpApp;

beforeAll(async () => {
  app = await McpApp.start({
    environment: { CYBERUN_MCP_SESSIONS_PER_KEY: String(SESSIONS) },
    limits: { requestsPerSession: REQUESTS, bodyMs: BODY_MS },
  });
});

afterAll(() => app[Symbol.asyncDispose]());

let keys = 0;
/** A client with an unused key. */
const client = (): McpHttp => new McpHttp(app, `sk-bounds-${(keys += 1)}-0123456789`);
const cancelled = (requestId: unknown): object => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId },
});

const initialize = (http: McpHttp, id: string): Promise<Response> =>
  http.send('POST', rpc('initialize', HELLO, id));

it('a key with all its sessions gets 429 with the id of its request, and opens another when it has ended one', async () => {
  const http = client();
  const sessions = [];
  for (let n = 0; n < SESSIONS; n += 1) sessions.push(await http.open());

  const refused = await initialize(http, 'one more');

  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.headers.get('mcp-session-id')).toBeNull();
  expect(await refused.json()).toEqual({
    jsonrpc: '2.0',
    error: { code: -32000, message: expect.stringMatching(/3 open sessions.*DELETE.*1800 seconds/) },
    id: 'one more',
  });

  expect((await http.ask(sessions[0] ?? '', PING)).status).toBe(200);
  expect((await http.send('DELETE', undefined, { session: sessions[0] ?? '' })).status).toBe(200);
  expect((await initialize(http, 'now')).status).toBe(200);
  expect((await initialize(http, 'and now')).status).toBe(429);
});

it('a key with all its sessions does not limit other keys, nor calls of 2026-07-28', async () => {
  const http = client();
  for (let n = 0; n < SESSIONS; n += 1) await http.open();
  expect((await initialize(http, 'x')).status).toBe(429);
  expect((await http.stateless('tools/list')).status).toBe(200);
  await client().open();
});

it('a key gets no more sessions when it opens many at once', async () => {
  const http = client();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => initialize(http, `n${n}`)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(SESSIONS);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(20 - SESSIONS);
});

/** Begins calls that wait, and returns when they do. */
async function filled(
  ids: readonly (string | number)[],
  revision?: string,
): Promise<{ http: McpHttp; session: string }> {
  const http = client();
  const session = await http.open({}, revision);
  const before = app.odd.waiting;
  for (const id of ids) void http.ask(session, call('wait', {}, id)).catch(() => undefined);
  await until(() => Promise.resolve(app.odd.waiting === before + ids.length));
  return { http, session };
}
const IDS = Array.from({ length: REQUESTS }, (_, n) => `waits ${n}`);

it.each([
  ['each with an id of its own', IDS],
  ['all with the same id', IDS.map(() => 'same')],
])('a session with all its requests in progress is refused the next one, %s', async (_what, ids) => {
  const { http, session } = await filled(ids);

  const refused = await http.ask(session, rpc('ping', undefined, 'too many'));

  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({
    error: { code: -32000, message: expect.stringContaining('in progress') },
    id: 'too many',
  });
  // Every one of them ends with the session.
  const before = app.odd.waiting;
  await http.send('DELETE', undefined, { session });
  await until(() => Promise.resolve(app.odd.waiting === before - REQUESTS));
});

it('a session with all its requests in progress accepts a cancellation, even in a rejected batch', async () => {
  const { http, session } = await filled(IDS, '2025-03-26');

  expect((await http.ask(session, cancelled(IDS[0]))).status).toBe(202);
  await until(async () => (await http.ask(session, PING)).status === 200);

  const again = http.ask(session, call('wait', {}, 'again'));
  await until(async () => (await http.ask(session, PING)).status === 429);
  const batch = await http.send('POST', [rpc('ping'), cancelled(IDS[1]), rpc('ping', undefined, 2)], {
    session,
  });
  expect(batch.status).toBe(429);
  expect(await batch.json()).toMatchObject({ error: { code: -32000 }, id: null });
  await until(async () => (await http.ask(session, PING)).status === 200);

  const reply = { jsonrpc: '2.0', id: 'a question', result: {} };
  expect((await http.ask(session, reply)).status).toBe(202);
  await http.send('DELETE', undefined, { session });
  expect(await allOf(await again)).toEqual([]);
});

it('a second standalone stream replaces the first one of its session, and is counted', async () => {
  const http = client();
  const session = await http.open();
  const left = new AbortController();
  const first = await http.listen(session);
  const count = vi.spyOn(app.app.get(LimitCounter, { strict: false }), 'count');

  expect((await http.listen(session, { signal: left.signal })).status).toBe(200);

  expect(await allOf(first)).toEqual([]);
  expect(count).toHaveBeenCalledExactlyOnceWith('streams_per_session');
  count.mockRestore();
  left.abort();
});

it('a session that ends during a lookup stays ended', async () => {
  const http = client();
  const session = await http.open();
  const sessions = app.app.get(SessionStore, { strict: false });
  const find = sessions.find.bind(sessions);
  const ended = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  vi.spyOn(sessions, 'find').mockImplementationOnce(async (id, holder) => {
    const found = await find(id, holder);
    asked.resolve();
    await ended.promise;
    return found;
  });

  const answer = http.ask(session, rpc('resources/list'));
  await asked.promise;
  expect((await http.send('DELETE', undefined, { session })).status).toBe(200);
  ended.resolve();

  expect((await answer).status).toBe(404);
  expect(app.app.get(LiveSessions, { strict: false }).find(session)).toBeUndefined();
});

const LONGEST = 16_384;
/** As long as this, of lists that take far more memory than characters. */
function hello(length: number): object {
  const params = { ...HELLO, capabilities: { experimental: { x: { lists: [[]], rest: '' } } } };
  const { x } = params.capabilities.experimental;
  x.lists = Array.from({ length: 5000 }, () => []);
  x.rest = 'x'.repeat(length - JSON.stringify(params).length);
  return params;
}

it('the server keeps initialize params as text up to a limit, and rejects larger ones', async () => {
  const http = client();
  const open = vi.spyOn(app.app.get(SessionStore, { strict: false }), 'open');

  expect((await http.send('POST', rpc('initialize', hello(LONGEST)))).status).toBe(200);
  const refused = await http.send('POST', rpc('initialize', hello(LONGEST + 1)));

  expect(refused.status).toBe(400);
  expect(open.mock.calls.map(([{ initializeParams: kept }]) => kept)).toEqual([
    JSON.stringify(hello(LONGEST)),
  ]);
  open.mockRestore();
});

const path = (length: number): string => `/api/v1/mcp?${'x'.repeat(length - '/api/v1/mcp?'.length)}`;
const post = (length: number): Promise<Response> =>
  new McpHttp({ url: app.origin + path(length) }).send('POST', PING);

it('the server accepts a URL up to the limit', async () => {
  expect(await answerOf(await post(URL_LENGTH))).toMatchObject({
    error: { message: expect.stringContaining('Mcp-Session-Id') },
  });
});

it('the server refuses a URL above the limit with 414, with or without a key', async () => {
  for (const refused of [await post(URL_LENGTH + 1), await fetch(new URL(path(5000), app.origin))]) {
    expect(refused.status).toBe(414);
    expect(await refused.json()).toEqual({
      jsonrpc: '2.0',
      error: { code: -32000, message: expect.stringContaining(`${URL_LENGTH} characters`) },
      id: null,
    });
  }
});

const HEADERS = {
  Authorization: `Bearer ${KEY}`,
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
  'Content-Length': '1000',
};

it.each([
  ['stops in the middle', 0],
  ['comes byte by byte', 50],
])('a body is refused with 408 when it %s', async (_what, everyMs) => {
  using wire = await Wire.to(app.url);
  wire.say(`${head('POST', '/api/v1/mcp', HEADERS)}\r\n{`);
  const drip = everyMs > 0 ? setInterval(() => wire.say(' '), everyMs) : undefined;

  const { status, headers, json } = await wire.lastAnswer();

  clearInterval(drip);
  expect(status).toBe(408);
  expect(headers.get('connection')).toBe('close');
  expect(json).toMatchObject({
    jsonrpc: '2.0',
    error: { code: -32000, message: expect.stringContaining('too long') },
    id: null,
  });
});
