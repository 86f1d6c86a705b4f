import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { IDLE_MS, IDLING } from '../support/idling.js';
import { McpApp } from '../support/mcp-app.js';
import {
  allOf,
  call,
  McpHttp,
  type Message,
  messagesOf,
  nextOf,
  resultOf,
  rpc,
} from '../support/mcp-http.js';

const OTHER_KEY = 'sk-other-0123456789abcdef';
const PING = rpc('ping');
const EXTRA = { name: 'extra', description: 'Registered later', handler: () => ({ extra: true }) };
const CHANGED = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };
const params = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1.0.0' },
};

let app: McpApp;
let http: McpHttp;

beforeAll(async () => {
  app = await McpApp.start();
  http = new McpHttp(app);
});

afterAll(() => app[Symbol.asyncDispose]());

it('a session has a unique id of characters that a header may contain', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => http.open()));
  expect(new Set(ids).size).toBe(20);
  for (const id of ids) expect(id).toMatch(/^[\w.-]{22,500}$/);
});

it.each(['POST', 'GET', 'DELETE'])('a session is not found with another key, by %s', async (method) => {
  const session = await http.open();
  const body = method === 'POST' ? PING : undefined;
  const response = await http.send(method, body, { session, key: OTHER_KEY });
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { code: -32001, message: 'Session not found' } });
  expect((await http.ask(session, PING)).status).toBe(200);
});

it.each(['__proto__', 'constructor', 'toString', '../x', 'a'.repeat(4000)])(
  'the server does not find a session with the id %s',
  async (session) => {
    expect((await http.ask(session, PING)).status).toBe(404);
    expect((await http.send('DELETE', undefined, { session })).status).toBe(404);
    expect((await http.listen(session)).status).toBe(404);
  },
);

it('a session answers many requests at once, each with its own answer', async () => {
  const session = await http.open();
  const texts = Array.from({ length: 50 }, (_, n) => `text ${n}`);
  const answers = await Promise.all(
    texts.map(async (text, id) => await resultOf(await http.ask(session, call('echo', { text }, id)))),
  );
  expect(answers.map(({ structuredContent }) => structuredContent['text'])).toEqual(texts);
});

it('a session answers two requests that share an id', async () => {
  const session = await http.open();
  const answers = await Promise.all(
    ['one', 'two'].map(async (text) => await resultOf(await http.ask(session, call('echo', { text }, 1)))),
  );
  expect(answers.map(({ structuredContent }) => structuredContent['text'])).toEqual(['one', 'two']);
});

it('a session answers requests that share an id when the SDK does, at once and in a batch', async () => {
  const session = await http.open({}, '2025-03-26');
  const asked = rpc('resources/list', {}, 7);
  const apart = [1, 2, 3].map(async () => await allOf(await http.ask(session, asked)));
  const [batch] = await allOf(await http.ask(session, [asked, asked]));
  const answers = [...(await Promise.all(apart)).flat(), ...(batch as unknown as Message[])];
  expect(answers.map(({ id, error }) => [id, error?.code])).toEqual(answers.map(() => [7, -32601]));
  expect(answers).toHaveLength(5);
});

it('a cancellation of two calls with the same id cancels the later one only', async () => {
  await using talking = await McpApp.start({ capabilities: { logging: {} } });
  const client = new McpHttp(talking);
  const session = await client.open();
  const asked = [1, 2].map(async () => await allOf(await client.ask(session, call('wait', {}, 7))));
  await expect.poll(() => talking.odd.waiting).toBe(2);
  const stopped = talking.odd.next('stopped');
  const params = { requestId: 7, reason: 'one is enough' };
  await client.ask(session, { jsonrpc: '2.0', method: 'notifications/cancelled', params });
  expect(String(await stopped)).toContain('one is enough');
  talking.odd.release();
  const answers = await Promise.all(asked);
  expect(answers.flat()).toMatchObject([{ id: 7, result: { structuredContent: { released: true } } }]);
});

it('a session answers a request with the id of the internal handshake', async () => {
  const session = await http.open();
  const signal = AbortSignal.timeout(60_000);
  const asked = await http.ask(session, rpc('resources/list', undefined, 'cyberun-handshake'), { signal });
  expect(await asked.json()).toMatchObject({ id: 'cyberun-handshake', error: { code: -32601 } });
});

it('the server opens no session for a client with too large initialize params', async () => {
  const clientInfo = { name: 'x'.repeat(70_000), version: '1' };
  const response = await http.send('POST', rpc('initialize', { ...params, clientInfo }));
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: -32600 } });
});

it('a session has one standalone stream at a time, the newest', async () => {
  const session = await http.open();
  let before = await http.listen(session);
  expect(before.status).toBe(200);
  expect(before.headers.get('content-type')).toBe('text/event-stream');
  expect(before.headers.get('x-accel-buffering')).toBe('no');
  for (let turn = 0; turn < 3; turn += 1) {
    const next = await http.listen(session);
    expect(next.status).toBe(200);
    expect(await allOf(before)).toEqual([]);
    before = next;
  }
  const messages = messagesOf(before);
  app.strategy.registerTool(EXTRA);
  expect(await nextOf(messages)).toEqual(CHANGED);
  app.strategy.removeTool('extra');
  expect(await nextOf(messages)).toEqual(CHANGED);
  await messages.return(undefined);
});

it('a session gets a change again on its new stream, because the old one may have lost it', async () => {
  const session = await http.open();
  // It may have no reader: a proxy may have dropped the client's side.
  const lost = await http.listen(session);
  app.strategy.registerTool(EXTRA);
  const messages = messagesOf(await http.listen(session));
  expect(await nextOf(messages)).toEqual(CHANGED);
  app.strategy.removeTool('extra');
  expect(await nextOf(messages)).toEqual(CHANGED);
  await messages.return(undefined);
  expect(await allOf(lost)).toEqual([CHANGED]);
});

it('a standalone stream begins with a retry time that is long enough for a restart', async () => {
  const session = await http.open();
  const reader = (await http.listen(session)).body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toBe('retry: 5000\n\n');
  await reader?.cancel();
});

it.each([
  ['params', undefined, 'params is missing'],
  ['params that are an object', [], 'params must be an object'],
  ['clientInfo', { ...params, clientInfo: undefined }, 'params.clientInfo is missing'],
  ['a name', { ...params, clientInfo: { version: '1' } }, 'params.clientInfo.name is missing'],
  ['capabilities', { ...params, capabilities: undefined }, 'params.capabilities is missing'],
  [
    'a version that is a string',
    { ...params, protocolVersion: 5 },
    'params.protocolVersion must be a string',
  ],
  [
    'good capabilities',
    { ...params, capabilities: { roots: 5 } },
    'params.capabilities.roots must be an object',
  ],
])('initialize without %s is refused with the name of the field', async (_what, given, fault) => {
  const answer = await http.send('POST', rpc('initialize', given, 'hello'));
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({
    jsonrpc: '2.0',
    id: 'hello',
    error: { code: -32602, message: expect.stringContaining(`Invalid params: ${fault}`) },
  });
});

it('initialize without an id is refused for that reason, not for a missing session', async () => {
  const answer = await http.send('POST', { jsonrpc: '2.0', method: 'initialize', params });
  expect(await answer.json()).toMatchObject({
    error: { code: -32600, message: expect.stringContaining('initialize must have an id') },
  });
});

it('initialize opens a new session when it names one that has ended, is of another key or never was', async () => {
  const ended = await http.open();
  await http.send('DELETE', undefined, { session: ended });
  const foreign = await new McpHttp(app, OTHER_KEY).open();
  for (const session of [ended, foreign, 'never-opened', '']) {
    const answer = await http.send('POST', rpc('initialize', params), { session });
    expect(answer.status).toBe(200);
    const opened = answer.headers.get('mcp-session-id') ?? '';
    expect(opened).not.toBe(session);
    expect((await http.ask(opened, PING)).status).toBe(200);
  }
  expect((await new McpHttp(app, OTHER_KEY).ask(foreign, PING)).status).toBe(200);
});

it.each(['2025-06-18', '2025-11-25'])(
  'a batch is rejected in a session of %s, with any content',
  async (revision) => {
    const session = await http.open({}, revision);
    for (const batch of [[PING], [PING, rpc('ping', undefined, 2)], [{ jsonrpc: '2.0', method: 'x' }], []]) {
      const answer = await http.send('POST', batch, { session });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ error: { code: -32600 } });
    }
    expect((await http.ask(session, PING)).status).toBe(200);
  },
);

it('a batch is answered in a session of 2025-03-26', async () => {
  const session = await http.open({}, '2025-03-26');
  const answer = await http.send('POST', [PING, rpc('ping', undefined, 2)], { session });
  expect(await answer.json()).toMatchObject([
    { id: 1, result: {} },
    { id: 2, result: {} },
  ]);
});

it('a batch may not contain an initialize', async () => {
  const answer = await http.send('POST', [rpc('initialize', { ...params, protocolVersion: '2025-03-26' })]);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: -32600 } });
});

it.each([
  ['tools/list', { cursor: 'bogus' }, 'params.cursor is not one of this server'],
  ['tools/list', { cursor: 5 }, 'params.cursor must be a string'],
  ['tools/call', { name: 5 }, 'params.name must be a string'],
  ['tools/call', { name: 'echo', arguments: [] }, 'params.arguments must be an object'],
  ['tools/call', undefined, 'params is missing'],
])('invalid params get an error that names them, for %s with %j', async (method, given, fault) => {
  const session = await http.open();
  const answers = [
    await http.ask(session, rpc(method, given)),
    ...(given ? [await http.stateless(method, given)] : []),
  ];
  for (const answer of answers) {
    const { error } = (await answer.json()) as Message;
    expect(error).toEqual({ code: -32602, message: expect.stringContaining(`Invalid params: ${fault}`) });
    expect(error?.message).not.toMatch(/invalid_type|Invalid input|[[{]/);
  }
});

it('DELETE ends the session, its stream and its calls', async () => {
  const session = await http.open();
  const stream = await http.listen(session);
  const waiting = app.odd.next('waiting');
  const stopped = app.odd.next('stopped');
  const answer = http.ask(session, call('wait'));
  await waiting;

  const response = await http.send('DELETE', undefined, { session });

  expect(response.status).toBe(200);
  expect(String(await stopped)).toContain('the session has ended');
  expect(await allOf(stream)).toEqual([]);
  expect(await allOf(await answer)).toEqual([]);
  expect((await http.ask(session, PING)).status).toBe(404);
});

describe.concurrent('a session that idles', () => {
  it('a session that idles ends, unless it is used or has an open stream', async () => {
    await using short = await McpApp.start({ environment: IDLING });
    const client = new McpHttp(short);
    const [idle, used, listening] = [await client.open(), await client.open(), await client.open()];
    const messages = messagesOf(await client.listen(listening));
    const begun = performance.now();
    while (performance.now() - begun < 1.5 * IDLE_MS) {
      expect((await client.ask(used, PING)).status).toBe(200);
      await delay(100);
    }

    short.strategy.registerTool(EXTRA);
    expect(await nextOf(messages)).toEqual(CHANGED);
    expect((await client.ask(idle, PING)).status).toBe(404);
    expect((await client.ask(used, PING)).status).toBe(200);
    expect((await client.ask(listening, PING)).status).toBe(200);
    await messages.return(undefined);
  });

  it('a session does not end while a call runs in it', async () => {
    await using short = await McpApp.start({ environment: IDLING });
    const client = new McpHttp(short);
    const session = await client.open();
    const waiting = short.odd.next('waiting');
    const answer = client.ask(session, call('wait'));
    await waiting;
    await delay(1.5 * IDLE_MS);
    short.odd.release();

    expect(await (await answer).json()).toMatchObject({ result: { structuredContent: { released: true } } });
    expect((await client.ask(session, PING)).status).toBe(200);
  });
});

it('a changed list of tools reaches the standalone stream of a session, and the next tools/list', async () => {
  const session = await http.open();
  const messages = messagesOf(await http.listen(session));

  app.strategy.registerTool(EXTRA);

  expect(await nextOf(messages)).toEqual({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
  const listed = async (): Promise<string[]> =>
    (await resultOf(await http.ask(session, rpc('tools/list')))).tools.map(({ name }) => name);
  expect(await listed()).toContain('extra');
  expect(await (await http.ask(session, call('extra'))).json()).toMatchObject({
    result: { structuredContent: { extra: true } },
  });

  app.strategy.removeTool('extra');
  expect(await nextOf(messages)).toMatchObject({ method: 'notifications/tools/list_changed' });
  expect(await listed()).not.toContain('extra');
});

it('a changed list of tools reaches a subscription of 2026-07-28, and only what it asked for', async () => {
  const messages = messagesOf(
    await http.stateless('subscriptions/listen', { notifications: { toolsListChanged: true } }),
  );
  expect(await nextOf(messages)).toMatchObject({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { toolsListChanged: true } },
  });

  app.strategy.registerTool(EXTRA);

  expect(await nextOf(messages)).toMatchObject({
    method: 'notifications/tools/list_changed',
    params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 1 } },
  });
  app.strategy.removeTool('extra');
  await messages.return(undefined);
});
