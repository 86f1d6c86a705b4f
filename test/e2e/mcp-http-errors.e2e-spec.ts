import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KEY, McpApp } from '../support/mcp-app.js';
import { rpc } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { HTTP_ERRORS, ERROR_SETTINGS } from '../support/http-errors.js';
import { head, Wire } from '../support/wire.js';

const PATH = '/api/v1/mcp';
const LIMIT = 100_000;
/** More than fits between client and server while the client does not read, and less than is read after an answer. */
const LARGE = 20_000_000;
const PIECE = 'x'.repeat(1_000_000);
const PING = JSON.stringify(rpc('ping'));

let app: McpApp;

beforeAll(async () => {
  app = await McpApp.start({
    environment: { CYBERUN_MCP_BODY_LIMIT_BYTES: String(LIMIT) },
    limits: { bodyMs: 400 },
  });
});

afterAll(() => app[Symbol.asyncDispose]());

const USUAL = {
  Authorization: `Bearer ${KEY}`,
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
};
/** The JSON-RPC body of a refusal. */
const refusal = (message: unknown, code: unknown = -32000) => ({
  jsonrpc: '2.0',
  error: { code, message },
  id: null,
});

/** Requests that are refused without their body, by what is odd about their headers. */
const WITHOUT_BODY: readonly (readonly [what: string, status: number, headers: Record<string, string>])[] = [
  ['no key', 401, { Authorization: '' }],
  ['the key of a device', 401, { Authorization: 'Bearer dk-0123456789' }],
  ['a foreign Origin', 403, { Origin: 'https://evil.example' }],
  ['a type that is not JSON', 415, { 'Content-Type': 'text/plain' }],
  ['a type that is not JSON and an Accept without the stream', 406, { 'Content-Type': 'x/y', Accept: 'x/y' }],
];

const uploads: readonly (readonly [string, number, string])[] = [
  [
    'a body that is announced as too large',
    413,
    head('POST', PATH, { ...USUAL, 'Content-Length': String(LARGE) }),
  ],
  [
    'a body that turns out to be too large',
    413,
    head('POST', PATH, { ...USUAL, 'Transfer-Encoding': 'chunked' }),
  ],
  ...WITHOUT_BODY.map(([what, status, headers]): [string, number, string] => [
    what,
    status,
    head('POST', PATH, { ...USUAL, ...headers, 'Content-Length': String(LARGE) }),
  ]),
  [
    'a method that does not exist here',
    405,
    head('PUT', PATH, { ...USUAL, 'Content-Length': String(LARGE) }),
  ],
];

it.each(uploads)(
  'the answer to %s reaches a client that sends all of its body before it reads',
  async (_what, status, firstLines) => {
    using wire = await Wire.to(app.url);
    wire.stopReading();
    const isChunked = firstLines.includes('chunked');
    wire.say(`${firstLines}Connection: close\r\n\r\n`);
    for (let sent = 0; sent < LARGE; sent += PIECE.length) {
      await wire.sent(isChunked ? `${PIECE.length.toString(16)}\r\n${PIECE}\r\n` : PIECE);
    }
    if (isChunked) await wire.sent('0\r\n\r\n');
    wire.read();

    const answer = await wire.lastAnswer();

    expect(answer.status).toBe(status);
    expect(answer.headers.get('connection')).toBe('close');
    expect(answer.json).toEqual(refusal(expect.any(String)));
  },
);

it('the server disconnects a client that never stops sending after an early answer', async () => {
  using wire = await Wire.to(app.url);
  wire.say(`${head('POST', PATH, { 'Transfer-Encoding': 'chunked' })}\r\n`);
  const chunk = `${PIECE.length.toString(16)}\r\n${PIECE}\r\n`;
  let sent = 0;
  while (wire.isOpen && sent < 1000) {
    await wire.sent(chunk);
    sent += 1;
  }
  // 64 MiB, and what the connection itself holds.
  expect(sent).toBeLessThan(200);
  expect(wire.received).toMatch(/^HTTP\/1\.1 401 /);
});

it('the server disconnects a client that stops in the middle of its body', async () => {
  using wire = await Wire.to(app.url);
  wire.say(`${head('POST', PATH, { 'Content-Length': '200000' })}\r\n`);
  expect(await wire.lastAnswer()).toMatchObject({ status: 401, json: refusal(expect.any(String)) });
});

it('the server reads a small body to its end after an early answer, and keeps the connection', async () => {
  using wire = await Wire.to(app.url);
  const request = `${head('POST', PATH, { 'Content-Length': '1000' })}\r\n${'x'.repeat(1000)}`;
  wire.say(request);
  await until(() => Promise.resolve(wire.received.includes('HTTP/1.1 401')));
  wire.say(request);
  await until(() => Promise.resolve(wire.received.split('HTTP/1.1 401').length === 3));
  expect(wire.isOpen).toBe(true);
});

const waiting = (headers: Record<string, string>): string =>
  `${head('POST', PATH, { ...USUAL, Expect: '100-continue', ...headers })}\r\n`;

it('a client that waits for 100 Continue is asked for a body that is wanted, once', async () => {
  using wire = await Wire.to(app.url);
  wire.say(waiting({ 'Content-Length': String(PING.length), Connection: 'close' }));
  await until(() => Promise.resolve(wire.received.includes('\r\n\r\n')));
  expect(wire.received).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  wire.say(PING);
  await wire.ended;
  expect(wire.received.split('HTTP/1.1 ')).toHaveLength(3);
  expect(wire.received).toContain('Mcp-Session-Id header is required');
});

it.each([
  ['too large', 413, { 'Content-Length': String(LARGE) }],
  ['sent without a key', 401, { 'Content-Length': '10', Authorization: '' }],
  ['not JSON', 415, { 'Content-Length': '10', 'Content-Type': 'text/plain' }],
  ['compressed', 415, { 'Content-Length': '10', 'Content-Encoding': 'gzip' }],
])(
  'a client that waits for 100 Continue is not asked for a body that is %s',
  async (_what, status, headers) => {
    using wire = await Wire.to(app.url);
    wire.say(waiting(headers));
    expect(await wire.lastAnswer()).toMatchObject({ status, json: refusal(expect.any(String)) });
  },
);

it('a client that waits for 100 Continue gets 417 for an unknown expectation', async () => {
  using wire = await Wire.to(app.url);
  wire.say(`${head('POST', PATH, { ...USUAL, Expect: 'a-miracle', 'Content-Length': '0' })}\r\n`);
  const answer = await wire.lastAnswer();
  expect(answer).toMatchObject({ status: 417, json: refusal(expect.stringContaining('100-continue')) });
});

const asked = async (lines: readonly string[]): Promise<{ status: number; json: unknown }> => {
  using wire = await Wire.to(app.url);
  const headers = [
    'Connection: close',
    'Content-Type: application/json',
    'Accept: */*',
    `Content-Length: ${PING.length}`,
  ];
  wire.say([...lines, `Authorization: Bearer ${KEY}`, ...headers, '', PING].join('\r\n'));
  return await wire.lastAnswer();
};
/** Answered by the endpoint itself. */
const served = { status: 400, json: refusal('Bad Request: Mcp-Session-Id header is required') };

it.each([
  [
    'two Host headers',
    [`POST ${PATH} HTTP/1.1`, 'Host: localhost', 'Host: evil.example'],
    /more than one Host/,
  ],
  [
    'the same Host twice',
    [`POST ${PATH} HTTP/1.1`, 'Host: localhost', 'hOST: localhost'],
    /more than one Host/,
  ],
  ['no Host', [`POST ${PATH} HTTP/1.1`], /Host header is missing/],
  [
    'a foreign host in the target',
    [`POST http://evil.example${PATH} HTTP/1.1`, 'Host: localhost'],
    /evil\.example/,
  ],
  [
    'a foreign host in both',
    [`POST http://evil.example${PATH} HTTP/1.1`, 'Host: evil.example'],
    /evil\.example/,
  ],
  ['a target of another kind', [`POST evil:${PATH} HTTP/1.1`, 'Host: localhost'], /./],
])('a request with %s is refused with 400', async (_what, lines, message) => {
  expect(await asked(lines)).toMatchObject({ status: 400, json: refusal(expect.stringMatching(message)) });
});

it.each([
  ['one Host header', [`POST ${PATH} HTTP/1.1`, 'Host: localhost']],
  [
    'our own host in the target, which counts and not the header',
    [`POST http://127.0.0.1:1${PATH} HTTP/1.1`, 'Host: evil.example'],
  ],
])('a request with %s is served', async (_what, lines) => {
  expect(await asked(lines)).toMatchObject(served);
});

it.each([
  ['Host', 'CYBERUN_MCP_ALLOWED_HOSTS'],
  ['Origin', 'CYBERUN_MCP_ALLOWED_ORIGINS'],
])('a rejected %s is answered with the setting that allows it, and logged once', async (header, setting) => {
  const name = header === 'Host' ? 'mcp.internal.example' : 'https://app.internal.example';
  for (let n = 0; n < 3; n += 1) {
    using wire = await Wire.to(app.url);
    const host = header === 'Host' ? [] : ['Host: localhost'];
    wire.say(
      [`POST ${PATH} HTTP/1.1`, ...host, `${header}: ${name}`, 'Connection: close', '', ''].join('\r\n'),
    );
    const { status, json } = await wire.lastAnswer();
    expect(status).toBe(403);
    expect(json).toEqual(refusal(expect.stringContaining(setting)));
    expect(json).toEqual(refusal(expect.stringContaining(name)));
  }
  const lines = app.log.lines.filter((line) => line.includes(name));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(setting);
});

it('the server logs at most a hundred rejected names', async () => {
  await using crowded = await McpApp.start();
  for (let n = 0; n < 120; n += 1) {
    await fetch(crowded.url, { headers: { Origin: `https://app${n}.example` } });
  }
  expect(crowded.log.lines.filter((line) => line.includes('ALLOWED_ORIGINS'))).toHaveLength(100);
});

describe('every status that the edge refuses with comes with a JSON-RPC error', () => {
  let refusing: McpApp;
  beforeAll(async () => {
    refusing = await McpApp.start(ERROR_SETTINGS);
  });
  afterAll(() => refusing[Symbol.asyncDispose]());

  it.each(Object.entries(HTTP_ERRORS))(
    'an HTTP error comes with a JSON-RPC error: %s',
    async (status, ask) => {
      expect(await ask(refusing)).toMatchObject({
        status: Number(status),
        type: 'application/json',
        json: { jsonrpc: '2.0', error: { code: expect.any(Number), message: expect.any(String) } },
      });
    },
  );
});
