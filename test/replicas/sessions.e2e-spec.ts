import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { IDLE_MS, IDLING } from '../support/idling.js';
import { McpApp } from '../support/mcp-app.js';
import { allOf, call, McpHttp, messagesOf, nextOf, resultOf, rpc } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { RedisServer } from '../support/redis-server.js';

const OTHER_KEY = 'sk-other-0123456789abcdef';
const PING = rpc('ping');

let redis: RedisServer;
let apps: readonly [McpApp, McpApp];
let one: McpHttp;
let other: McpHttp;

const started = (environment: Record<string, string> = {}): Promise<McpApp> =>
  McpApp.start({ environment: { CYBERUN_REDIS_URL: redis.url, ...environment } });

beforeAll(async () => {
  redis = await RedisServer.start();
  apps = await Promise.all([started(), started()]);
  [one, other] = [new McpHttp(apps[0]), new McpHttp(apps[1])];
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  await redis[Symbol.asyncDispose]();
});

it('a session opened at one replica is served by the other, and by both at once', async () => {
  const session = await one.open();
  const texts = Array.from({ length: 40 }, (_, n) => `text ${n}`);
  const answers = await Promise.all(
    texts.map(
      async (text, id) =>
        await resultOf(await (id % 2 ? one : other).ask(session, call('echo', { text }, id))),
    ),
  );
  expect(answers.map(({ structuredContent }) => structuredContent['text'])).toEqual(texts);
});

it.each(['POST', 'GET', 'DELETE'])(
  'a session opened at one replica is not found with another key by %s at the other',
  async (method) => {
    const session = await one.open();
    const response = await other.send(method, method === 'POST' ? PING : undefined, {
      session,
      key: OTHER_KEY,
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: -32001 } });
    expect((await other.ask(session, PING)).status).toBe(200);
  },
);

it('DELETE at one replica ends the stream and the calls of a session at the other, and later requests get 404', async () => {
  const session = await one.open();
  const stream = await one.listen(session);
  const [waiting, stopped] = [apps[0].odd.next('waiting'), apps[0].odd.next('stopped')];
  const answer = one.ask(session, call('wait'));
  await waiting;

  expect((await other.send('DELETE', undefined, { session })).status).toBe(200);

  expect(String(await stopped)).toContain('the session has ended');
  expect(await allOf(stream)).toEqual([]);
  expect(await allOf(await answer)).toEqual([]);
  expect((await one.ask(session, PING)).status).toBe(404);
  expect((await other.ask(session, PING)).status).toBe(404);
});

it('a cancellation at one replica cancels a call that runs at the other', async () => {
  const session = await one.open();
  const [waiting, stopped] = [apps[1].odd.next('waiting'), apps[1].odd.next('stopped')];
  const answer = other.ask(session, call('wait', {}, 'slow one'));
  await waiting;

  const params = { requestId: 'slow one', reason: 'changed my mind' };
  const notice = { jsonrpc: '2.0', method: 'notifications/cancelled', params };
  expect((await one.ask(session, notice)).status).toBe(202);

  expect(String(await stopped)).toContain('changed my mind');
  expect(await allOf(await answer)).toEqual([]);
});

it('a session has one standalone stream at a time, the newest at any replica', async () => {
  const session = await one.open();
  let before = await one.listen(session);
  expect(before.status).toBe(200);
  for (const replica of [other, one, one, other]) {
    const next = await replica.listen(session);
    expect(next.status).toBe(200);
    expect(await allOf(before)).toEqual([]);
    before = next;
  }
  const messages = messagesOf(before);
  const extra = { name: 'late', description: 'Registered later', handler: () => ({}) };
  apps[0].strategy.registerTool(extra);
  expect(await nextOf(messages)).toMatchObject({ method: 'notifications/tools/list_changed' });
  apps[0].strategy.removeTool('late');
  await messages.return(undefined);
});

it('a session keeps one of two streams that are opened at both replicas at once', async () => {
  const session = await one.open();
  const opened = await Promise.all([one, other, one, other].map((replica) => replica.listen(session)));
  expect(opened.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  const open = new Set(opened);
  for (const stream of opened) void stream.text().then(() => open.delete(stream));
  await until(() => Promise.resolve(open.size === 1));
  await delay(4000);
  expect(open.size).toBe(1);
  await one.send('DELETE', undefined, { session });
});

it('a stream stays open longer than a claim that is not renewed', async () => {
  const session = await one.open();
  const left = new AbortController();
  const stream = await one.listen(session, { signal: left.signal });
  const messages = messagesOf(stream);
  await delay(11_000);
  apps[0].strategy.registerTool({ name: 'late', description: 'Registered later', handler: () => ({}) });
  expect(await nextOf(messages)).toMatchObject({ method: 'notifications/tools/list_changed' });
  apps[0].strategy.removeTool('late');
  left.abort();
});

it('an idle session ends at every replica; one that is used at any replica or has an open stream does not', async () => {
  await using first = await started(IDLING);
  await using second = await started(IDLING);
  const replicas = [new McpHttp(first), new McpHttp(second)] as const;
  const open = (): Promise<string> => replicas[0].open();
  const [idle, used, listening] = [await open(), await open(), await open()];
  const left = new AbortController();
  expect((await replicas[1].listen(listening, { signal: left.signal })).status).toBe(200);
  const begun = performance.now();
  for (let turn = 0; performance.now() - begun < 1.5 * IDLE_MS; turn += 1) {
    expect((await replicas[turn % 2 ? 0 : 1].ask(used, PING)).status).toBe(200);
    await delay(100);
  }
  for (const replica of replicas) {
    expect((await replica.ask(idle, PING)).status).toBe(404);
    expect((await replica.ask(used, PING)).status).toBe(200);
    expect((await replica.ask(listening, PING)).status).toBe(200);
  }
  left.abort();
});

it('a session does not expire while a call runs in it', async () => {
  await using short = await started(IDLING);
  const client = new McpHttp(short);
  const session = await client.open();
  const waiting = short.odd.next('waiting');
  const answer = client.ask(session, call('wait'));
  await waiting;
  await delay(1.5 * IDLE_MS);
  expect((await other.ask(session, PING)).status).toBe(200);
  short.odd.release();
  expect(await (await answer).json()).toMatchObject({ result: { structuredContent: { released: true } } });
});

const extra = { name: 'extra', description: 'Registered later', handler: () => ({ extra: true }) };
const CHANGED = 'notifications/tools/list_changed';

it('a change of the tools at one replica is sent to the standalone streams of the other', async () => {
  const session = await one.open();
  const messages = messagesOf(await other.listen(session));
  apps[0].strategy.registerTool(extra);
  expect(await nextOf(messages)).toEqual({ jsonrpc: '2.0', method: CHANGED });
  apps[0].strategy.removeTool('extra');
  expect(await nextOf(messages)).toMatchObject({ method: CHANGED });
  await messages.return(undefined);
});

it('a change of the tools at one replica is sent to the subscriptions of 2026-07-28 at the other', async () => {
  const messages = messagesOf(
    await other.stateless('subscriptions/listen', { notifications: { toolsListChanged: true } }),
  );
  expect(await nextOf(messages)).toMatchObject({ method: 'notifications/subscriptions/acknowledged' });
  apps[0].strategy.registerTool(extra);
  expect(await nextOf(messages)).toMatchObject({ method: CHANGED });
  apps[0].strategy.removeTool('extra');
  await messages.return(undefined);
});
