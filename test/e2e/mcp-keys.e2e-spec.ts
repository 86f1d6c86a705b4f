import { expect, it } from 'vitest';

import { UpstreamError } from '../../src/upstream/index.js';
import { FakeRuntime, KEY, McpApp } from '../support/mcp-app.js';
import {
  allOf,
  call,
  McpHttp,
  messagesOf,
  nextOf,
  resultOf,
  rpc,
  type ToolResult,
} from '../support/mcp-http.js';

const PING = rpc('ping');

it('the endpoint validates a key once for many concurrent requests, and caches the result', async () => {
  await using app = await McpApp.start();
  const http = new McpHttp(app);
  const answers = await Promise.all(Array.from({ length: 20 }, () => http.stateless('tools/list')));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  await http.open();
  expect(app.runtime.validatedKeys).toEqual([KEY]);
});

it('the endpoint rejects a revoked key with a challenge in both kinds of revisions, and caches that', async () => {
  const runtime = new FakeRuntime();
  runtime.validate = () => ({ isValid: false });
  await using app = await McpApp.start({ runtime });
  const http = new McpHttp(app);
  for (const response of [
    await http.stateless('tools/list'),
    await http.send('POST', PING),
    await http.send('GET'),
  ]) {
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer .*error="invalid_token"/);
    expect(await response.json()).toMatchObject({
      jsonrpc: '2.0',
      id: null,
      error: { code: -32000, message: expect.stringMatching(/revoked or expired.*sk-/) },
    });
  }
  expect(runtime.validatedKeys).toHaveLength(1);
});

it('the endpoint accepts a request when the runtime cannot validate its key', async () => {
  const runtime = new FakeRuntime();
  const body = { error_message: 'no connection' };
  runtime.validate = () =>
    Promise.reject(new UpstreamError('unreachable', body, { operation: 'validate the key' }));
  await using app = await McpApp.start({ runtime });
  const http = new McpHttp(app);
  expect((await http.stateless('tools/call', { name: 'nothing' })).status).toBe(200);
  expect((await http.stateless('tools/list')).status).toBe(200);
  expect(runtime.validatedKeys).toHaveLength(1);
  expect(app.log.text).not.toContain(KEY);
});

it('the endpoint validates each key by itself', async () => {
  const runtime = new FakeRuntime();
  runtime.validate = (key) => ({ isValid: key === KEY });
  await using app = await McpApp.start({ runtime });
  const http = new McpHttp(app);
  expect((await http.stateless('tools/list')).status).toBe(200);
  expect((await http.stateless('tools/list', {}, { key: 'sk-other' })).status).toBe(401);
});

it('a key that the runtime refuses during a call is refused from then on, and its streams end', async () => {
  await using app = await McpApp.start();
  const http = new McpHttp(app);
  const session = await http.open();
  const stream = await http.listen(session);
  const subscription = await http.stateless('subscriptions/listen', {
    notifications: { toolsListChanged: true },
  });
  const others = new McpHttp(app, 'sk-somebody-else');
  const untouched = await others.listen(await others.open());

  const result = await (await http.ask(session, call('refuse', { status: 401 }))).json();
  app.runtime.refuse(KEY);

  expect(result).toMatchObject({
    result: { isError: true, structuredContent: { error_message: 'resource not found' } },
  });
  expect((await http.ask(session, PING)).status).toBe(401);
  expect((await http.stateless('tools/list')).status).toBe(401);
  expect(await allOf(stream)).toEqual([]);
  expect(await allOf(subscription)).toMatchObject([{ method: 'notifications/subscriptions/acknowledged' }]);
  const stillHeard = messagesOf(untouched);
  app.strategy.registerTool({ name: 'late', description: 'Registered later', handler: () => ({}) });
  expect(await nextOf(stillHeard)).toMatchObject({ method: 'notifications/tools/list_changed' });
});

it('a 403 of the runtime in a call does not affect the key', async () => {
  await using app = await McpApp.start();
  const http = new McpHttp(app);
  await http.stateless('tools/call', { name: 'refuse', arguments: { status: 403 } });
  expect((await http.stateless('tools/list')).status).toBe(200);
});

const guarded = async (permissions?: ReadonlySet<string>): Promise<ToolResult> => {
  const runtime = new FakeRuntime();
  runtime.validate = () => ({ isValid: true, ...(permissions && { permissions }) });
  await using app = await McpApp.start({ runtime });
  return await resultOf(await new McpHttp(app).stateless('tools/call', { name: 'guarded' }));
};

it('a tool that needs a permission returns an error to a key without it', async () => {
  const result = await guarded(new Set(['invoke']));
  expect(result).toMatchObject({
    isError: true,
    structuredContent: { error_message: expect.stringMatching(/Forbidden.*"run"/) },
  });
  expect(JSON.parse(result.content[0]?.text ?? '')).toEqual(result.structuredContent);
});

it('a key with the permission of a tool may call it', async () => {
  expect(await guarded(new Set(['run', 'invoke']))).toMatchObject({ structuredContent: { ok: true } });
});

it('the runtime decides about a tool when it does not list permissions of keys', async () => {
  expect(await guarded()).toMatchObject({ structuredContent: { ok: true } });
});
