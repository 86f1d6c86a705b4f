import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { KEY, McpApp } from '../support/mcp-app.js';
import { call, McpHttp, messagesOf, nextOf, rpc } from '../support/mcp-http.js';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let app: McpApp;
let http: McpHttp;

beforeAll(async () => {
  app = await McpApp.start();
  http = new McpHttp(app);
});

afterAll(() => app[Symbol.asyncDispose]());

const seen = () => app.tools.seen.at(-1)?.caller;

it('a tool gets the key of its own request, also when many keys call at once', async () => {
  const keys = Array.from({ length: 30 }, (_, n) => `sk-caller-${n}`);
  app.tools.seen.length = 0;
  await Promise.all(
    keys.map((key) => http.stateless('tools/call', { name: 'echo', arguments: { text: key } }, { key })),
  );
  expect(app.tools.seen.map(({ caller }) => caller.key).toSorted()).toEqual(keys.toSorted());
});

it.each([
  [
    '2026-07-28, by header',
    () =>
      http.stateless(
        'tools/call',
        { name: 'echo', arguments: { text: '' } },
        { headers: { traceparent: TRACE } },
      ),
  ],
  [
    '2026-07-28, by message',
    () =>
      http.stateless(
        'tools/call',
        { name: 'echo', arguments: { text: '' } },
        { meta: { traceparent: TRACE } },
      ),
  ],
  [
    '2025-11-25, by header',
    async () =>
      await http.ask(await http.open(), call('echo', { text: '' }), { headers: { traceparent: TRACE } }),
  ],
  [
    '2025-11-25, by message',
    async () => await http.ask(await http.open(), call('echo', { text: '' }, 1, { traceparent: TRACE })),
  ],
])('a tool gets the trace of its request, at %s', async (_revision, send) => {
  await (await send()).text();
  expect(seen()).toMatchObject({ key: KEY, traceparent: TRACE });
});

it('a tool gets no trace when the client sent none', async () => {
  await (await http.stateless('tools/call', { name: 'echo', arguments: { text: '' } })).text();
  expect(seen()).toMatchObject({ key: KEY, traceparent: undefined });
});

it('a cancellation stops the call it names, and no other', async () => {
  const session = await http.open();
  const started = app.odd.next('waiting');
  const other = http.ask(session, call('wait', {}, 'other'));
  await started;
  const startedToo = app.odd.next('waiting');
  const stopped = app.odd.next('stopped');
  const cancelled = http.ask(session, call('wait', {}, 7));
  await startedToo;

  const notice = {
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId: 7, reason: 'enough' },
  };
  expect((await http.ask(session, notice)).status).toBe(202);

  expect(String(await stopped)).toContain('enough');
  const response = await cancelled;
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('');
  app.odd.release();
  expect(await (await other).json()).toMatchObject({
    id: 'other',
    result: { structuredContent: { released: true } },
  });
});

it('a cancellation does not affect another session', async () => {
  const [mine, theirs] = [await http.open(), await http.open()];
  const started = app.odd.next('waiting');
  const answer = http.ask(theirs, call('wait', {}, 7));
  await started;
  await http.ask(mine, { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } });
  expect((await http.ask(theirs, rpc('ping'))).status).toBe(200);
  app.odd.release();
  expect(await (await answer).json()).toMatchObject({ result: { structuredContent: { released: true } } });
});

it('closing the response cancels a call of 2026-07-28', async () => {
  const left = new AbortController();
  const started = app.odd.next('waiting');
  const stopped = app.odd.next('stopped');
  const failure = http.stateless('tools/call', { name: 'wait' }, { signal: left.signal }).catch(() => 'gone');
  await started;
  left.abort();
  expect(await failure).toBe('gone');
  expect(String(await stopped)).toContain('closed the response');
});

it('a lost connection does not cancel a call of the 2025 revisions', async () => {
  const session = await http.open();
  const left = new AbortController();
  const started = app.odd.next('waiting');
  const failure = http.ask(session, call('wait'), { signal: left.signal }).catch(() => 'gone');
  await started;
  const stopped = vi.fn<() => void>();
  void app.odd.next('stopped').then(stopped);
  left.abort();
  expect(await failure).toBe('gone');
  // By the time this is answered, the server has seen the connection close.
  expect((await http.ask(session, rpc('ping'))).status).toBe(200);
  const released = app.odd.next('released');
  app.odd.release();
  await released;
  expect(stopped).not.toHaveBeenCalled();
});

it.each([
  ['2026-07-28', () => http.stateless('tools/call', { name: 'stream' })],
  ['2025-11-25', async () => await http.ask(await http.open(), call('stream'))],
])('a slow tool answers as a stream from the start at %s', async (_revision, send) => {
  const response = await send();
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('x-accel-buffering')).toBe('no');
  await expect.poll(() => app.odd.waiting).toBeGreaterThan(0);
  app.odd.release();
  expect(await nextOf(messagesOf(response))).toMatchObject({
    id: 1,
    result: { structuredContent: { released: true } },
  });
});
