import { afterEach, beforeEach, expect, it } from 'vitest';

import { McpApp } from '../support/mcp-app.js';
import { allOf, call, McpHttp, messagesOf, nextOf, resultOf, rpc } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { RedisServer } from '../support/redis-server.js';

const PASSWORD = 'hunter2';
const PING = rpc('ping');

let redis: RedisServer;
let apps: readonly McpApp[];
let replicas: readonly McpHttp[];

const started = (): Promise<McpApp> => McpApp.start({ environment: { CYBERUN_REDIS_URL: redis.url } });

beforeEach(async () => {
  redis = await RedisServer.start({ password: PASSWORD });
  apps = await Promise.all([started(), started()]);
  replicas = apps.map((app) => new McpHttp(app));
});

afterEach(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  await redis[Symbol.asyncDispose]();
});

const opened = async (): Promise<string> => (await replicas[0]?.open()) ?? '';

async function expectNoSessions(session: string): Promise<void> {
  for (const http of replicas) {
    const hello = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    };
    const refused = await Promise.all([
      http.ask(session, PING),
      http.listen(session),
      http.send('DELETE', undefined, { session }),
      http.send('POST', rpc('initialize', hello)),
    ]);
    for (const response of refused) {
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32000 } });
    }
  }
}

async function expectModern(): Promise<void> {
  for (const http of replicas) {
    const result = await resultOf(
      await http.stateless('tools/call', { name: 'echo', arguments: { text: 'x' } }),
    );
    expect(result.structuredContent).toEqual({ text: 'x' });
  }
}

const areBack = (session: string): Promise<void> =>
  until(async () => {
    const answers = await Promise.all(replicas.map((http) => http.ask(session, PING)));
    return answers.every(({ status }) => status === 200);
  });

it('when Redis is killed, sessions get 503 and nothing else changes; they continue when it is back', async () => {
  const session = await opened();
  await redis.kill();

  await until(async () => (await replicas[1]?.ask(session, PING))?.status === 503);
  await until(async () => (await replicas[0]?.ask(session, PING))?.status === 503);
  await expectNoSessions(session);
  await expectModern();

  await redis.start();
  await areBack(session);
  const logged = apps.map(({ log }) => log.text).join('\n');
  expect(logged).toContain('Redis is gone');
  expect(logged).toContain('Redis is back');
  expect(logged).not.toContain(PASSWORD);
});

it('when Redis stalls, sessions get 503, and continue when it answers again', async () => {
  const session = await opened();
  redis.signal('SIGSTOP');
  expect((await replicas[0]?.ask(session, PING))?.status).toBe(503);
  await expectNoSessions(session);
  await expectModern();
  redis.signal('SIGCONT');
  await areBack(session);
});

it('when Redis restarts, running calls are answered, streams stay, and replicas reach each other again', async () => {
  const session = await opened();
  const [app] = apps;
  const messages = messagesOf((await replicas[0]?.listen(session)) ?? new Response());
  const waiting = app?.odd.next('waiting');
  const answer = replicas[0]?.ask(session, call('wait', {}, 'long'));
  await waiting;
  await redis.kill();
  await redis.start();
  await areBack(session);

  app?.odd.release();
  expect(await allOf((await answer) ?? new Response())).toMatchObject([
    { result: { structuredContent: { released: true } } },
  ]);
  apps[1]?.strategy.registerTool({ name: 'late', description: 'Late', handler: () => ({}) });
  expect(await nextOf(messages)).toMatchObject({ method: 'notifications/tools/list_changed' });
  await messages.return(undefined);
});

it('when Redis is missing at the start, the server starts and connects to it later', async () => {
  await redis.kill();
  const late = await started();
  apps = [...apps, late];
  replicas = [new McpHttp(late)];
  await expectNoSessions('x');
  await expectModern();
  await redis.start();
  await until(async () => (await replicas[0]?.ask('x', PING))?.status === 404);
  expect((await replicas[0]?.ask(await opened(), PING))?.status).toBe(200);
});
