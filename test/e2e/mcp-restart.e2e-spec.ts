import { afterEach, expect, it, onTestFinished } from 'vitest';

import { AsideTools, reply } from '../support/aside-tools.js';
import { SESSION_CLIENTS } from '../support/clients.js';
import { IDLE_MS, IDLING } from '../support/idling.js';
import { KEY, McpApp } from '../support/mcp-app.js';
import { call, McpHttp, messagesOf, nextOf, resultOf, rpc } from '../support/mcp-http.js';
import { until } from '../support/processes.js';

const OTHER_KEY = 'sk-other-0123456789abcdef';
const PING = rpc('ping');
const EXTRA = { name: 'extra', description: 'Registered later', handler: () => ({ extra: true }) };
const CHANGED = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' };

let app: McpApp | undefined;

afterEach(async () => {
  await app?.[Symbol.asyncDispose]();
  app = undefined;
});

async function started(environment: Record<string, string> = {}, port = 0): Promise<McpHttp> {
  app = await McpApp.start({ environment, port, controllers: [AsideTools] });
  return new McpHttp(app);
}

/** Ends the server and starts another, without the data of the first; at the same port, if it is given. */
async function restarted(environment: Record<string, string> = {}, port?: number): Promise<McpHttp> {
  await app?.[Symbol.asyncDispose]();
  return await started(environment, port);
}

it.each(['2025-03-26', '2025-06-18', '2025-11-25'])(
  'a session opened before the server was restarted continues at %s, with stream and questions',
  async (revision) => {
    let http = await started();
    const session = await http.open({ elicitation: {} }, revision);
    http = await restarted();

    expect((await http.ask(session, PING)).status).toBe(200);
    const messages = messagesOf(await http.listen(session));
    app?.strategy.registerTool(EXTRA);
    expect(await nextOf(messages)).toEqual(CHANGED);
    const answer = http.ask(session, call('ask_aside'));
    const { id, method } = await nextOf(messages);
    expect(method).toBe('elicitation/create');
    expect((await http.ask(session, reply(id, 'Ada'))).status).toBe(202);
    expect(await resultOf(await answer)).toMatchObject({ structuredContent: { name: 'Ada' } });
    const batch = await http.send('POST', [PING], { session });
    expect(batch.status).toBe(revision < '2025-06-18' ? 200 : 400);
    await messages.return(undefined);
  },
);

it('a session continues after several restarts, and ends by DELETE like any other', async () => {
  let http = await started();
  const session = await http.open();
  for (let turn = 0; turn < 2; turn += 1) {
    http = await restarted();
    expect((await http.ask(session, PING)).status).toBe(200);
  }
  expect((await http.send('DELETE', undefined, { session })).status).toBe(200);
  for (const method of ['POST', 'GET', 'DELETE']) {
    const body = method === 'POST' ? PING : undefined;
    expect((await http.send(method, body, { session })).status).toBe(404);
  }
});

it('a session opened before the server was restarted is not found with another key or a changed id', async () => {
  let http = await started();
  const session = await http.open();
  http = await restarted();
  expect((await http.ask(session, PING, { key: OTHER_KEY })).status).toBe(404);
  for (const place of [0, 1, 5, session.length >> 1, session.length - 2]) {
    const other = session[place] === 'A' ? 'B' : 'A';
    const changed = session.slice(0, place) + other + session.slice(place + 1);
    expect((await http.ask(changed, PING)).status).toBe(404);
  }
  expect((await http.ask(session, PING)).status).toBe(200);
});

it('a session opened before the server was restarted counts for its key, and expires like any other', async () => {
  const few = { ...IDLING, CYBERUN_MCP_SESSIONS_PER_KEY: '2' };
  let http = await started(few);
  const sessions = [await http.open(), await http.open()] as const;
  http = await restarted(few);
  const fresh = await http.open();
  expect((await http.ask(sessions[0], PING)).status).toBe(200);
  expect((await http.ask(sessions[1], PING)).status).toBe(404);
  const begun = performance.now();
  await until(() => Promise.resolve(performance.now() - begun > 1.5 * IDLE_MS));
  for (const session of [sessions[0], fresh]) expect((await http.ask(session, PING)).status).toBe(404);
});

it('a restarted server continues a session with large initialize params, but not with very large ones', async () => {
  let http = await started();
  const much = await http.open({ experimental: { x: { text: 'x'.repeat(800) } } });
  const tooMuch = await http.open({ experimental: { x: { text: 'x'.repeat(8000) } } });
  expect(much.length).toBeLessThan(2200);
  http = await restarted();
  expect((await http.ask(much, PING)).status).toBe(200);
  expect((await http.ask(tooMuch, PING)).status).toBe(404);
});

it('every TypeScript client continues its session over a restart, with calls and stream', async () => {
  await started();
  const endpoint = app?.url ?? '';
  const clients = await Promise.all(SESSION_CLIENTS.map(({ connect }) => connect({ endpoint, key: KEY })));
  for (const client of clients) onTestFinished(() => client[Symbol.asyncDispose]());
  const before = clients.map(({ sessionId }) => sessionId);
  const opened = (): number[][] => clients.map(({ gets }) => gets.map(({ status }) => status));
  await expect.poll(opened).toEqual(clients.map(() => [200]));
  await restarted({}, Number(new URL(endpoint).port));
  await expect.poll(opened, { timeout: 60_000 }).toEqual(clients.map(() => [200, 200]));
  const changed: Promise<void>[] = [];
  for (const client of clients) {
    expect(await client.call('echo', { text: 'x' })).toMatchObject({ structuredContent: { text: 'x' } });
    changed.push(new Promise((resolve) => client.onToolsChanged(resolve)));
  }
  app?.strategy.registerTool(EXTRA);
  await Promise.all(changed);
  expect(clients.map(({ sessionId }) => sessionId)).toEqual(before);
  expect(clients.flatMap(({ errors }) => errors)).toEqual([]);
});

it('the answer of a client reaches the tool that asked, although the list of tools has changed', async () => {
  const http = await started();
  const session = await http.open({ elicitation: {} });
  const messages = messagesOf(await http.listen(session));
  const answer = http.ask(session, call('ask_aside'));
  const { id } = await nextOf(messages);
  app?.strategy.registerTool(EXTRA);
  expect(await nextOf(messages)).toEqual(CHANGED);
  expect((await http.ask(session, reply(id, 'Ada'))).status).toBe(202);
  expect(await resultOf(await answer)).toMatchObject({ structuredContent: { name: 'Ada' } });
  await messages.return(undefined);
});
