import { describe, expect, it } from 'vitest';

import { McpApp } from '../support/mcp-app.js';
import { allOf, call, McpHttp, rpc } from '../support/mcp-http.js';

const REVISIONS = [
  ['2025-11-25', async (http: McpHttp, tool: string) => await http.ask(await http.open(), call(tool))],
  ['2026-07-28', (http: McpHttp, tool: string) => http.stateless('tools/call', { name: tool })],
] as const;

describe.each(REVISIONS)('at %s', (_revision, wait) => {
  it('a server that shuts down lets a call in flight finish, and rejects new requests', async () => {
    await using app = await McpApp.start();
    const http = new McpHttp(app);
    const waiting = app.odd.next('waiting');
    const answer = wait(http, 'wait');
    await waiting;

    const drained = app.drain(10_000);

    const refused = await http.stateless('tools/list');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32000 } });
    app.odd.release();
    await drained;
    expect(await allOf(await answer)).toMatchObject([{ result: { structuredContent: { released: true } } }]);
  });

  it.each(['wait', 'stream'])(
    'a server that shuts down aborts a call of the tool %s when the grace period is over',
    async (tool) => {
      await using app = await McpApp.start();
      const waiting = app.odd.next('waiting');
      const answer = wait(new McpHttp(app), tool);
      await waiting;

      await app.drain(10);

      expect(await allOf(await answer)).toMatchObject([
        { result: { structuredContent: { stopped: expect.stringContaining('shutting down') } } },
      ]);
    },
  );

  it('a server that shuts down answers for a call that does not stop', async () => {
    await using app = await McpApp.start();
    const waiting = app.odd.next('waiting');
    const answer = wait(new McpHttp(app), 'deaf');
    await waiting;

    await app.drain(10);

    expect(await allOf(await answer)).toMatchObject([
      { id: 1, error: { message: expect.stringContaining('may have taken effect') } },
    ]);
    app.odd.release();
  });
});

it('a server that shuts down answers for a call that the SDK dispatched and that does not stop', async () => {
  await using app = await McpApp.start();
  const waiting = app.odd.next('waiting');
  const headers = { 'Mcp-Name': `=?base64?${Buffer.from('deaf').toString('base64')}?=` };
  const answer = new McpHttp(app).stateless('tools/call', { name: 'deaf' }, { headers });
  await waiting;

  await app.drain(10);

  expect((await answer).status).toBe(503);
  expect(await allOf(await answer)).toMatchObject([
    { id: 1, error: { message: expect.stringContaining('may have taken effect') } },
  ]);
  app.odd.release();
});

it('a server that shuts down ends standalone streams and subscriptions cleanly', async () => {
  await using app = await McpApp.start();
  const http = new McpHttp(app);
  const stream = await http.listen(await http.open());
  const subscription = await http.stateless('subscriptions/listen', {
    notifications: { toolsListChanged: true },
  });

  await app.drain(10_000);

  expect(await allOf(stream)).toEqual([]);
  expect(await allOf(subscription)).toMatchObject([
    { method: 'notifications/subscriptions/acknowledged' },
    { id: 1, result: { resultType: 'complete' } },
  ]);
});

it('a server that shuts down closes although a stream is open and it was not drained', async () => {
  const app = await McpApp.start();
  const http = new McpHttp(app);
  const stream = await http.listen(await http.open());
  await app[Symbol.asyncDispose]();
  expect(await allOf(stream)).toEqual([]);
  await expect(http.send('POST', rpc('ping'))).rejects.toThrow(/fetch failed/);
});
