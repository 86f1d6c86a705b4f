import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { LIBRARY_CLIENTS, SESSION_CLIENTS } from '../support/clients.js';
import { KEY, McpApp } from '../support/mcp-app.js';

const SECRET = 'hunter2';

let app: McpApp;

beforeAll(async () => {
  app = await McpApp.start();
});

afterAll(() => app[Symbol.asyncDispose]());

describe.each(LIBRARY_CLIENTS)('$name', ({ revision, connect }) => {
  const connected = () => connect({ endpoint: app.url, key: KEY });

  it(`a client speaks ${revision} and finds the tools`, async () => {
    await using client = await connected();
    expect(client.revision).toBe(revision);
    expect(await client.listTools()).toEqual(expect.arrayContaining(['echo', 'count', 'wait']));
  });

  it('a client gets an answer as structured content and as compact JSON', async () => {
    await using client = await connected();
    const result = await client.call('echo', { text: 'ä€😀' });
    expect(result.structuredContent).toEqual({ text: 'ä€😀' });
    expect(result.content).toEqual([{ type: 'text', text: '{"text":"ä€😀"}' }]);
  });

  it('a client gets progress on the call itself, every step and in order', async () => {
    await using client = await connected();
    const received: number[] = [];
    const result = await client.call(
      'count',
      { to: 100 },
      { onprogress: ({ progress }) => received.push(progress) },
    );
    expect(result.structuredContent).toEqual({ counted: 100 });
    expect(received).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });

  it.each(['wait', 'stream'])('a client cancels the tool %s when it gives up', async (tool) => {
    await using client = await connected();
    const giveUp = new AbortController();
    const waiting = app.odd.next('waiting');
    const stopped = app.odd.next('stopped');
    const failure = client.call(tool, {}, { signal: giveUp.signal }).catch((error: unknown) => error);
    await waiting;

    giveUp.abort(new Error('changed my mind'));

    expect(await failure).toBeInstanceOf(Error);
    expect(String(await stopped)).toMatch(/cancelled by the client|closed the response/);
    expect((await client.call('nothing')).structuredContent).toEqual({ ok: true });
  });

  it('a client gets an error that names the field of its input and the rule', async () => {
    await using client = await connected();
    const result = await client.call('echo', { text: 5 });
    expect(result).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringMatching(/text: .*expected string/) },
    });
    expect(JSON.parse(String(result.content[0]?.['text']))).toEqual(result.structuredContent);
  });

  it('a client gets the error of the runtime, which passes its output validation', async () => {
    await using client = await connected();
    await client.listTools();
    expect(await client.call('refuse')).toMatchObject({
      isError: true,
      structuredContent: { error_message: 'resource not found' },
    });
  });

  it('a client gets a reference to an exception, never its text', async () => {
    await using client = await connected();
    const result = await client.call('leak');
    expect(JSON.stringify(result)).not.toContain(SECRET);
    const [reference = 'none'] =
      /[0-9a-f-]{36}/.exec(String(result.structuredContent?.['error_message'])) ?? [];
    expect(result.isError).toBe(true);
    expect(app.log.text).toContain(reference);
  });
});

// A 2026-07-28 client asks for that by a subscription of its own; see mcp-sessions.
describe.each(SESSION_CLIENTS)('$name', ({ connect }) => {
  it('a client gets a notification that the list of tools has changed', async () => {
    await using own = await McpApp.start();
    await using client = await connect({ endpoint: own.url, key: KEY });
    const changed = new Promise<void>((resolve) => client.onToolsChanged(resolve));
    await expect.poll(() => own.openStreams).toBe(1);
    own.strategy.registerTool({ name: 'late', description: 'Registered later', handler: () => ({}) });
    await changed;
  });
});
