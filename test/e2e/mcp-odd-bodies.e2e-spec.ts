import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KEY, McpApp } from '../support/mcp-app.js';
import { type Message, McpHttp, MODERN, rpc } from '../support/mcp-http.js';

const ROUNDS = 250;

let app: McpApp;
let http: McpHttp;

beforeAll(async () => {
  app = await McpApp.start({ tools: 'plain' });
  http = new McpHttp(app);
});

afterAll(() => app[Symbol.asyncDispose]());

/** Numbers that look random and are the same every time. */
function* dice(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    yield state / 4_294_967_296;
  }
}

const ATOMS: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  '',
  'x',
  '2.0',
  '__proto__',
  'constructor',
  'tools/call',
  'tools/list',
  'initialize',
  'ping',
  'echo',
  'server/discover',
  'subscriptions/listen',
  'notifications/cancelled',
  MODERN,
  '2025-11-25',
  [],
  {},
];
const NAMES = [
  'jsonrpc',
  'id',
  'method',
  'params',
  '_meta',
  'name',
  'arguments',
  'result',
  'error',
  'cursor',
  'requestId',
  'protocolVersion',
  'capabilities',
  'clientInfo',
  '__proto__',
  'progressToken',
  'io.modelcontextprotocol/protocolVersion',
  'io.modelcontextprotocol/clientCapabilities',
  'notifications',
  'uri',
  'level',
  'inputResponses',
  'task',
];

function anything(roll: () => number, depth: number): unknown {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(roll() * items.length)] as Item;
  if (depth === 0 || roll() < 0.4) return pick(ATOMS);
  const size = Math.floor(roll() * 5);
  if (roll() < 0.2) return Array.from({ length: size }, () => anything(roll, depth - 1));
  return Object.fromEntries(Array.from({ length: size }, () => [pick(NAMES), anything(roll, depth - 1)]));
}

/** Something that begins like a message, and goes on as it likes. */
function almostAMessage(roll: () => number): unknown {
  if (roll() < 0.15) return anything(roll, 4);
  const base: Record<string, unknown> = { jsonrpc: '2.0', id: 1, method: ATOMS[10 + Math.floor(roll() * 9)] };
  for (let n = 0; n < 3; n += 1) {
    if (roll() < 0.5) base[NAMES[Math.floor(roll() * NAMES.length)] ?? 'id'] = anything(roll, 4);
  }
  return base;
}

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

describe('whatever a client sends, the answer is JSON-RPC and no failure of ours', () => {
  it.each([
    ['in a session', {}],
    [
      'with the headers of 2026-07-28',
      { 'MCP-Protocol-Version': MODERN, 'Mcp-Method': 'tools/call', 'Mcp-Name': 'echo' },
    ],
    ['without a session', { 'Mcp-Session-Id': '' }],
  ])('%s', async (_how, headers) => {
    const numbers = dice(20_261_122);
    const roll = (): number => numbers.next().value;
    const session = await http.open();
    for (let round = 0; round < ROUNDS; round += 1) {
      const body = almostAMessage(roll);
      const signal = AbortSignal.timeout(5000);
      await expectJsonRpc(await http.send('POST', body, { session, headers, signal }));
    }
    expect((await http.modern('tools/list')).status).toBe(200);
  });

  it.each([100, 10_000, 200_000])('however deep it is nested: %d', async (depth) => {
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
      const usual = { Authorization: `Bearer ${KEY}`, Accept: 'application/json, text/event-stream' };
      const all = { ...usual, 'Content-Type': 'application/json', ...headers };
      await expectJsonRpc(await fetch(app.url, { method: 'POST', headers: all, body }));
    }
    expect((await http.ask(session, rpc('ping'))).status).toBe(200);
  });
});
