import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KEY, McpApp } from '../support/mcp-app.js';
import { ENVELOPE, McpHttp, resultOf, rpc } from '../support/mcp-http.js';

const HELLO = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
const PING = JSON.stringify(rpc('ping'));
const USUAL = {
  Authorization: `Bearer ${KEY}`,
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
};

let app: McpApp;

beforeAll(async () => {
  app = await McpApp.start();
});

afterAll(() => app[Symbol.asyncDispose]());

/** The JSON-RPC body of a refusal. */
const refusal = (message: unknown) => ({ jsonrpc: '2.0', error: { code: -32000, message }, id: null });

it.each(['gzip', 'br', 'deflate, gzip', 'x'])(
  'a body with Content-Encoding %s gets a 415 that names the accepted ones',
  async (encoding) => {
    const headers = { ...USUAL, 'Content-Encoding': encoding };
    const response = await fetch(app.url, { method: 'POST', headers, body: PING });
    expect(response.status).toBe(415);
    expect(response.headers.get('accept-encoding')).toBe('identity');
    expect(await response.json()).toEqual(refusal(expect.stringContaining('Content-Encoding')));
  },
);

it.each(['identity', 'Identity'])('a body with Content-Encoding %s is read', async (encoding) => {
  const headers = { ...USUAL, 'Content-Encoding': encoding };
  const response = await fetch(app.url, { method: 'POST', headers, body: PING });
  expect(await response.json()).toEqual(refusal(expect.stringContaining('Mcp-Session-Id')));
});

const BOTH = 'application/json, text/event-stream';
/** A request of either revision that is in order but for its Accept. */
const asked = async (revision: string, accept: string): Promise<number> => {
  const http = new McpHttp(app);
  const response =
    revision === '2026-07-28'
      ? await http.stateless('tools/list', {}, { headers: { Accept: accept } })
      : await http.send('POST', rpc('initialize', HELLO), { headers: { Accept: accept } });
  await response.text();
  return response.status;
};

describe.each(['2025-11-25', '2026-07-28'])('at %s', (revision) => {
  it.each([
    BOTH,
    'TEXT/Event-Stream,Application/JSON',
    'text/event-stream;q=0.1 , application/json ; charset=utf-8',
    '*/*',
    'application/*, text/*;q=0.5',
    'text/html, */*;q=0.1',
    'application/json;q=1.0, text/event-stream;q=0.001',
  ])('the Accept header %s allows both forms', async (accept) => {
    expect(await asked(revision, accept)).toBe(200);
  });

  it.each([
    '',
    'application/json',
    'text/event-stream',
    'application/jsonp, text/event-stream',
    'application/json, text/event-streams',
    'application/json;q=0, text/event-stream',
    `${BOTH};q=0.000`,
    '*/*, text/event-stream;q=0',
    'application/*',
    'x/application/json, text/event-stream',
  ])('the Accept header %j gets a 406', async (accept) => {
    expect(await asked(revision, accept)).toBe(406);
  });
});

const nested = (levels: number, open: string, close: string): string =>
  `${open.repeat(levels)}1${close.repeat(levels)}`;
const callWith = async (revision: string, args: string): Promise<unknown> => {
  const http = new McpHttp(app);
  const session = revision === '2026-07-28' ? undefined : await http.open();
  const meta = revision === '2026-07-28' ? `,"_meta":${JSON.stringify(ENVELOPE)}` : '';
  const modern = { 'MCP-Protocol-Version': revision, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' };
  const response = await fetch(app.url, {
    method: 'POST',
    headers: { ...USUAL, ...(session === undefined ? modern : { 'Mcp-Session-Id': session }) },
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${args}${meta}}}`,
  });
  return await resultOf(response);
};

describe.each(['2025-11-25', '2026-07-28'])('at %s', (revision) => {
  it.each([
    [257, '[', ']'],
    [1500, '[', ']'],
    [1500, '{"a":', '}'],
    [8000, '{"a":[', ']}'],
    [40_000, '[', ']'],
  ])('arguments that are nested %i levels deep are invalid input', async (levels, open, close) => {
    expect(await callWith(revision, `{"text":"x","deep":${nested(levels, open, close)}}`)).toMatchObject({
      isError: true,
      structuredContent: {
        error_message: expect.stringMatching(/^Invalid input\. deep: must not be nested/),
      },
    });
  });

  it.each([
    ['{"text":"x","__proto__":{"a":1}}', /^Invalid input\. __proto__: is not a name/],
    ['{"text":"x","more":[{"__proto__":1}]}', /^Invalid input\. more: __proto__ is not a name/],
  ])('arguments with a key __proto__ are invalid input: %s', async (args, message) => {
    expect(await callWith(revision, args)).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringMatching(message) },
    });
  });

  it('arguments that are nested less deep reach the tool', async () => {
    const args = `{"text":"x","deep":${nested(256, '[', ']')}}`;
    expect(await callWith(revision, args)).toMatchObject({
      structuredContent: {
        error_message: expect.stringMatching(/^Invalid input\. deep: no such argument/),
      },
    });
  });
});

const deep = '['.repeat(40_000) + ']'.repeat(40_000);
it.each([
  ['as a whole', deep],
  ['as params', `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":${deep}}}`],
  [
    'in initialize',
    `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"experimental":{"a":${deep}}},"clientInfo":{"name":"a","version":"1"}}}`,
  ],
  ['as the id', `{"jsonrpc":"2.0","id":${deep},"method":"ping"}`],
  [
    'in _meta',
    `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","a":${deep}}}}`,
  ],
  [
    'in the capabilities of 2026-07-28',
    `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"experimental":{"a":${deep}}}}}}`,
  ],
])('a body that is deeply nested %s gets a JSON-RPC answer', async (_what, body) => {
  const session = await new McpHttp(app).open();
  const isModern = body.includes('_meta');
  const headers = {
    ...USUAL,
    ...(isModern
      ? { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/list' }
      : !body.includes('initialize') && { 'Mcp-Session-Id': session }),
  };
  const response = await fetch(app.url, { method: 'POST', headers, body });
  expect(response.status).toBeLessThan(500);
  expect(await response.json()).toMatchObject({ jsonrpc: '2.0' });
});
