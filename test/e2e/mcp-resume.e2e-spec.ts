import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { CLIENTS, SESSION_CLIENTS } from '../support/clients.js';
import { KEY, McpApp } from '../support/mcp-app.js';
import { call, McpHttp, resultOf } from '../support/mcp-http.js';
import { itKeepsItsPromises } from '../support/resume-promises.js';
import { Connection, Talk } from '../support/talk.js';
import { TalkTools } from '../support/talk-tools.js';

let app: McpApp;
let http: McpHttp;

beforeAll(async () => {
  app = await McpApp.start({ tools: 'all', controllers: [TalkTools] });
  http = new McpHttp(app);
});
afterAll(() => app[Symbol.asyncDispose]());

describe('after a client has lost its connection', () => {
  itKeepsItsPromises(() => ({ runs: app, resumes: app }));
});

it('a TypeScript client that aborts a request or waits no longer for it reports no error to its host', async () => {
  const tools = app.app.get(TalkTools, { strict: false });
  const before = tools.reasons.length;
  const left = new AbortController();
  const failures: Promise<unknown>[] = [];
  const progressed: Promise<unknown>[] = [];
  const ways = [{ signal: left.signal, timeout: 600_000 }, { timeout: 2000 }];
  const cases = ways.flatMap((options) => SESSION_CLIENTS.map(({ connect }) => ({ options, connect })));
  const clients = await Promise.all(cases.map(({ connect }) => connect({ endpoint: app.url, key: KEY })));
  for (const [n, client] of clients.entries()) {
    onTestFinished(() => client[Symbol.asyncDispose]());
    const begun = tools.next('begun');
    const { promise, resolve: onprogress } = Promise.withResolvers<unknown>();
    failures.push(client.call('talk', {}, { ...cases[n]?.options, onprogress }).catch(String));
    progressed.push(promise);
    await begun;
  }
  // Has an event id, so that clients of every revision come back for the rest.
  tools.say('one');
  await Promise.all(progressed);
  left.abort();
  for (const failure of failures) expect(await failure).toMatch(/abort|time/i);
  const cancelled = clients.map(() => expect.stringContaining('cancelled by the client'));
  await expect.poll(() => tools.reasons.slice(before)).toEqual(cancelled);

  const resumed = (): number[][] =>
    clients.map(({ gets }) =>
      gets.filter(({ lastEventId }) => lastEventId !== null).map(({ status }) => status),
    );
  await expect.poll(resumed, { timeout: 60_000 }).toEqual(clients.map(() => [405]));
  for (const client of clients) {
    expect(await client.call('talk', { isOdd: true })).toMatchObject({ isError: true });
    expect(client.errors).toEqual([]);
  }
});

it('a resumable stream begins with an event that has only an id and a retry time', async () => {
  const talk = await Talk.begin(app);
  const reader = talk.first.response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(new TextDecoder().decode(value)).toMatch(/^id: [\w-]{12}\.0\nretry: 1000\ndata: \n\n$/);
  talk.tools.end();
  await reader?.cancel();
});

it('a resumable stream begins with its first message at 2025-06-18, where clients know no empty events', async () => {
  const talk = await Talk.begin(app, '2025-06-18');
  talk.tools.say('one');
  expect(await talk.first.next()).toMatchObject({ message: { params: { message: 'one' } } });
  talk.first.lose();
  talk.tools.end();
  const second = await talk.resume(app, talk.first.lastEventId);
  expect(await second.words(1)).toEqual([{ said: 1, why: 'ended' }]);
});

it('a resumable stream gives each event an id that is unique in its session', async () => {
  const session = await http.open();
  const ids: (string | undefined)[] = [];
  for (const id of [1, 2, 3]) {
    const counting = call('count', { to: 3 }, id, { progressToken: id });
    const connection = await Connection.open((signal) => http.ask(session, counting, { signal }));
    for (let event = 0; event < 5; event += 1) ids.push((await connection.next()).id);
  }
  expect(ids).not.toContain(undefined);
  expect(new Set(ids).size).toBe(15);
});

it('the server replays a stream from its beginning', async () => {
  const session = await http.open();
  const counting = call('count', { to: 3 }, 1, { progressToken: 1 });
  const first = await Connection.open((signal) => http.ask(session, counting, { signal }));
  const { id = '' } = await first.next();
  const whole = await first.rest();
  expect(whole).toHaveLength(4);
  const headers = { 'Last-Event-ID': id };
  const again = await Connection.open((signal) => http.listen(session, { headers, signal }));
  expect(await again.rest()).toEqual(whole);
});

it('a client of 2025-11-25 fetches the answer of a tool that ended its connection', async () => {
  const client = CLIENTS.find(({ revision }) => revision === '2025-11-25');
  const connected = await client?.connect({ endpoint: app.url, key: KEY });
  expect(await connected?.call('leave', {})).toMatchObject({ structuredContent: { left: true } });
  await connected?.[Symbol.asyncDispose]();
});

it('a tool cannot end its connection at 2025-06-18, where clients do not come back', async () => {
  const session = await http.open({}, '2025-06-18');
  const response = await http.ask(session, call('leave'));
  expect(await resultOf(response)).toMatchObject({ structuredContent: { left: true } });
});

it.each(['1', 'x.1', 'AAAAAAAAAAAA.1', 'AAAAAAAAAAAA.-1', '__proto__.1', `${'A'.repeat(5000)}.1`])(
  'a client that resumes after the unknown event id %.20s gets a 400',
  async (lastEventId) => {
    const session = await http.open();
    const response = await http.listen(session, { headers: { 'Last-Event-ID': lastEventId } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      jsonrpc: '2.0',
      error: { message: expect.stringContaining('Nothing is kept under this Last-Event-ID') },
    });
    expect((await http.listen(session)).status).toBe(200);
  },
);

it('a stream of 2026-07-28 has neither event ids nor a retry time', async () => {
  const meta = { progressToken: 1 };
  const response = await http.stateless('tools/call', { name: 'count', arguments: { to: 2 } }, { meta });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(await response.text()).not.toMatch(/^(id|retry):/m);
});
