import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { KEY, McpApp } from '../support/mcp-app.js';
import { type Message, McpHttp, MODERN, rpc } from '../support/mcp-http.js';
import { oddBodies } from '../support/odd-messages.js';

const ROUNDS = 250;

let app: McpApp;
let http: McpHttp;

beforeAll(async () => {
  app = await McpApp.start({ tools: 'plain' });
  http = new McpHttp(app);
});

afterAll(() => app[Symbol.asyncDispose]());

const TOOLS = [{ name: 'echo', args: { text: 'x' } }];

const post = (body: string | Buffer<ArrayBuffer>, headers: Record<string, string>): Promise<Response> =>
  fetch(app.url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${KEY}`,
      Accept: 'application/json, text/event-stream',
      'Content-Type': 'application/json',
      ...headers,
    },
    body,
    signal: AbortSignal.timeout(60_000),
  });

async function expectJsonRpc(response: Response): Promise<void> {
  const type = response.headers.get('content-type');
  expect(response.status).toBeLessThan(500);
  if (type === 'text/event-stream') {
    await response.body?.cancel();
    return;
  }
  const content = await response.text();
  expect(content).not.toMatch(/node_modules|at .*\.ts:/);
  if (response.status === 202) expect(content).toBe('');
  else
    for (const message of [JSON.parse(content) as Message].flat())
      expect(message).toMatchObject({ jsonrpc: '2.0' });
}

it.each([
  ['in a session', {}],
  [
    'with the headers of 2026-07-28',
    { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' },
  ],
  ['without a session', { 'Mcp-Session-Id': '' }],
])('every JSON body gets a JSON-RPC answer and no 500 %s', async (_how, headers) => {
  const session = await http.open();
  const property = fc.asyncProperty(oddBodies(TOOLS), async ({ body }) => {
    await expectJsonRpc(await post(body, { 'Mcp-Session-Id': session, ...headers }));
  });
  // More of them, and not only bodies, in test/faults.
  await fc.assert(property, { seed: 20_261_122, numRuns: ROUNDS });
  expect((await http.stateless('tools/list')).status).toBe(200);
});

it.each([100, 10_000, 200_000])(
  'a body nested %d levels deep gets a JSON-RPC answer and no 500',
  async (depth) => {
    const session = await http.open();
    const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const holding = (message: object): string => JSON.stringify(message).replace('"X"', nested);
    const capabilities = { experimental: { x: 'X' } };
    const clientInfo = { name: 'x', version: '1' };
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientCapabilities': capabilities,
    };
    const inSession = { 'Mcp-Session-Id': session };
    const bodies: [content: string, headers: Record<string, string>][] = [
      [nested, inSession],
      [holding(rpc('tools/call', { name: 'echo', arguments: { text: 'X' } })), inSession],
      [holding(rpc('initialize', { protocolVersion: '2025-11-25', capabilities, clientInfo })), {}],
      [holding(rpc('tools/list', { _meta })), { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': 'tools/list' }],
    ];
    for (const [body, headers] of bodies) {
      await expectJsonRpc(await post(body, headers));
    }
    expect((await http.ask(session, rpc('ping'))).status).toBe(200);
  },
);
