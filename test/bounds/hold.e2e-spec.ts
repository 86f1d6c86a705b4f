import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { friendlyRuntime } from '../support/every-tool.js';
import { LimitedServer, SOON } from '../support/limited-server.js';
import { McpHttp } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { until } from '../support/processes.js';
import { TASK_ID, taskSample } from '../support/runtime-samples.js';
import { head, Wire } from '../support/wire.js';

const PATH = '/api/v1/mcp';
/** Long enough for an honest request to a server that has large answers to write just now. */
const SLOW_MS = 2000;
/** As in earnest, the longer of the two. */
const STALL_MS = 2200;
const LIMITS = {
  headersMs: SLOW_MS,
  bodyMs: SLOW_MS,
  stallMs: STALL_MS,
  idleConnectionMs: 1.5 * STALL_MS,
  connectionCheckMs: 50,
  requestsPerSession: 3,
  requestsPerKey: 4,
};
const HELLO = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
const TASK = 'GET /r/tasks/:id';

let runtime: MockRuntime;
let server: LimitedServer;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  server = await LimitedServer.start('mcp', LIMITS, {
    CYBERUN_RUNTIME_URL: runtime.url,
    CYBERUN_MCP_SESSIONS_PER_KEY: '2',
    CYBERUN_MCP_BODY_LIMIT_BYTES: '65536',
  });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

let keys = 0;
const newKey = (): string => `sk-hold-${(keys += 1)}-0123456789`;
const headersOf = (key: string, session?: string): Record<string, string> => ({
  Authorization: `Bearer ${key}`,
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
  ...(session !== undefined && { 'Mcp-Session-Id': session }),
});
const post = (message: object, key: string, session?: string): Promise<Response> =>
  fetch(server.endpoint, {
    method: 'POST',
    headers: headersOf(key, session),
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
const initialize = (key: string, protocolVersion = HELLO.protocolVersion): Promise<Response> =>
  post({ id: 'hello', method: 'initialize', params: { ...HELLO, protocolVersion } }, key);
const getTask = (id: string, name = 'get_task'): object => ({
  id,
  method: 'tools/call',
  params: { name, arguments: { task_id: TASK_ID } },
});

async function opened(key: string, revision?: string): Promise<string> {
  const response = await initialize(key, revision);
  await response.text();
  return response.headers.get('mcp-session-id') ?? '';
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
}
const answerOf = async (response: Response): Promise<Answer> => ({
  status: response.status,
  json: await response.json(),
});
/** Sends this and no more, and waits for the server to close the connection. */
async function saying(text: string): Promise<Answer> {
  using wire = await Wire.to(server.endpoint);
  return await wire.say(text).lastAnswer();
}

const mcp = (bound: string): string => `cyberun_mcp_bounds_exceeded_total{bound="${bound}"}`;
const http = (reason: string): string => `cyberun_http_connections_cut_total{reason="${reason}"}`;

/** What goes too far, the status it gets, whose request it was, and where it is counted. */
const TOO_MUCH: readonly {
  readonly what: string;
  readonly status: number;
  readonly id?: string | number;
  readonly series: string;
  readonly act: () => Promise<Answer>;
}[] = [
  {
    what: 'a URL',
    status: 414,
    series: mcp('url_length'),
    act: async () => await answerOf(await fetch(`${server.endpoint}?${'x'.repeat(5000)}`)),
  },
  {
    what: 'headers without end',
    status: 431,
    series: http('headers_too_large'),
    act: () => saying(`${head('POST', PATH)}X-Long: ${'x'.repeat(100_000)}`),
  },
  {
    what: 'something that is not HTTP',
    status: 400,
    series: http('malformed_request'),
    act: () => saying('EHLO mail.example.com\r\n'),
  },
  {
    what: 'a chunk that is none, in the middle of a body',
    status: 400,
    series: http('malformed_request'),
    act: () =>
      saying(`${head('POST', PATH, { ...headersOf(newKey()), 'Transfer-Encoding': 'chunked' })}\r\nzz\r\n`),
  },
  {
    what: 'nothing at all, for long',
    status: 408,
    series: http('slow_request'),
    act: () => saying(''),
  },
  {
    what: 'half of the headers',
    status: 408,
    series: http('slow_request'),
    act: () => saying(head('POST', PATH)),
  },
  {
    what: 'a body announced as too large',
    status: 413,
    series: mcp('body_size'),
    act: () => saying(`${head('POST', PATH, { ...headersOf(newKey()), 'Content-Length': '70000' })}\r\n`),
  },
  {
    what: 'a body that grows too large',
    status: 413,
    series: mcp('body_size'),
    act: () => {
      const chunk = `8000\r\n${' '.repeat(0x8000)}\r\n`;
      const headers = { ...headersOf(newKey()), 'Transfer-Encoding': 'chunked' };
      return saying(`${head('POST', PATH, headers)}\r\n${chunk.repeat(3)}`);
    },
  },
  {
    what: 'half of a body',
    status: 408,
    series: mcp('body_time'),
    act: () => saying(`${head('POST', PATH, { ...headersOf(newKey()), 'Content-Length': '100' })}\r\n{`),
  },
  {
    what: 'a batch',
    status: 400,
    series: mcp('batch_size'),
    act: async () => {
      const key = newKey();
      const batch = Array.from({ length: 101 }, () => ({ jsonrpc: '2.0', method: 'notifications/x' }));
      const headers = headersOf(key, await opened(key, '2025-03-26'));
      return await answerOf(
        await fetch(server.endpoint, { method: 'POST', headers, body: JSON.stringify(batch) }),
      );
    },
  },
  {
    what: 'a session more than the key may have',
    status: 429,
    id: 'hello',
    series: mcp('sessions_per_key'),
    act: async () => {
      const key = newKey();
      await Promise.all([opened(key), opened(key)]);
      return await answerOf(await initialize(key));
    },
  },
  {
    what: 'a request more than a session may have in progress',
    status: 429,
    id: 'too many',
    series: mcp('requests_per_session'),
    act: async () => {
      const withheld = runtime.withhold(TASK, taskSample('running'));
      const key = newKey();
      const session = await opened(key);
      const before = runtime.requests(TASK).length;
      const running = ['a', 'b', 'c'].map((id) => post(getTask(id), key, session));
      await until(() => Promise.resolve(runtime.requests(TASK).length === before + running.length));
      const refused = await answerOf(await post({ id: 'too many', method: 'ping' }, key, session));
      withheld.release();
      for (const response of await Promise.all(running)) expect((await answerOf(response)).status).toBe(200);
      return refused;
    },
  },
  {
    what: 'a request more than a key may have in progress',
    status: 429,
    id: 1,
    series: mcp('requests_per_key'),
    act: async () => {
      const withheld = runtime.withhold(TASK, taskSample('running'));
      const http = new McpHttp({ url: server.endpoint }, newKey());
      const getOne = (): Promise<Response> =>
        http.stateless('tools/call', { name: 'get_task', arguments: { task_id: TASK_ID } });
      const before = runtime.requests(TASK).length;
      const running = Array.from({ length: LIMITS.requestsPerKey }, getOne);
      await until(() => Promise.resolve(runtime.requests(TASK).length === before + running.length));
      const refused = await answerOf(await getOne());
      withheld.release();
      for (const response of await Promise.all(running)) expect((await answerOf(response)).status).toBe(200);
      return refused;
    },
  },
];

it.each(TOO_MUCH)(
  'the server answers too much of $what with $status in JSON-RPC, and counts it',
  async (attempt) => {
    const before = await server.metric(attempt.series);

    const { status, json } = await attempt.act();

    expect(status).toBe(attempt.status);
    expect(json).toEqual({
      jsonrpc: '2.0',
      error: { code: expect.any(Number), message: expect.stringMatching(/^[A-Z]/) },
      id: attempt.id ?? null,
    });
    expect(before).toBeTypeOf('number');
    expect(await server.metric(attempt.series)).toBe(Number(before) + 1);
  },
);

/** Together more than the buffers between two processes hold. */
const IMAGES = 12;
const IMAGE = {
  status_code: 200,
  headers: { 'content-type': 'image/png' },
  body_base64: Buffer.alloc(1_000_000).toString('base64'),
};
const LARGE = IMAGES * IMAGE.body_base64.length;

/** Asks for large images, one after the other, and never reads them. */
async function neverReading(): Promise<Wire> {
  runtime.on('POST /r/invoke/:slug', { json: IMAGE });
  const params = {
    name: 'call_container_service',
    arguments: { service_slug: 'a', method: 'GET', path: '/' },
  };
  const wire = (await Wire.to(server.endpoint)).stopReading();
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'large', method: 'tools/call', params });
  for (let sent = 0; sent < IMAGES; sent += 1) {
    // Each with a key of its own, which may have few calls at once.
    const key = newKey();
    const headers = { ...headersOf(key, await opened(key)), 'Content-Length': String(body.length) };
    wire.say(`${head('POST', PATH, headers)}\r\n${body}`);
  }
  return wire;
}

it('the server closes the connection of a client that does not read, and counts it', async () => {
  const before = Number(await server.metric(http('slow_reader')));
  using wire = await neverReading();
  await until(async () => (await server.metric(http('slow_reader'))) === before + 1);
  wire.read();
  await until(() => Promise.resolve(!wire.isOpen));
  expect(wire.received.length).toBeLessThan(LARGE);
});

it('the server keeps a slow call and an idle stream open', async () => {
  runtime.on(TASK, async (_request, response) => {
    await delay(1.5 * STALL_MS);
    response
      .writeHead(200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(taskSample('running')));
  });
  const key = newKey();
  const session = await opened(key);
  const left = new AbortController();
  const headers = headersOf(key, session);
  const stream = await fetch(server.endpoint, { headers, signal: left.signal });
  const ended = stream.text().then(
    () => 'by the server',
    () => 'by us',
  );

  const { status, json } = await answerOf(await post(getTask('slow'), key, session));

  expect(status).toBe(200);
  expect(json).toMatchObject({ id: 'slow', result: { structuredContent: { id: TASK_ID } } });
  expect(await server.metric('cyberun_mcp_streams_open')).toBe(1);
  left.abort();
  expect(await ended).toBe('by us');
});

it('an idle connection between two requests stays open as long as configured, and not much longer', async () => {
  using wire = await Wire.to(server.endpoint);
  const answers = (): number => wire.received.split('"live"').length - 1;
  for (const turn of [1, 2]) {
    await delay((turn - 1) * 1.25 * STALL_MS);
    wire.say(`${head('GET', '/health/live')}\r\n`);
    await until(() => Promise.resolve(answers() === turn));
  }
  expect(wire.isOpen).toBe(true);
  // Node's own limit, of five seconds and one more, would be too long.
  await until(() => Promise.resolve(!wire.isOpen), 5800);
});

describe('after all of it, again and again', () => {
  const READERS = 4;
  const wires: Wire[] = [];
  afterAll(() => {
    for (const wire of wires) wire[Symbol.dispose]();
  });
  const round = async (): Promise<void> => {
    const before = Number(await server.metric(http('slow_reader')));
    for (const { act } of TOO_MUCH.filter(({ status }) => status === 429)) await act();
    for (let n = 0; n < READERS; n += 1) wires.push(await neverReading());
    await Promise.all(TOO_MUCH.filter(({ status }) => status !== 429).map(({ act }) => act()));
    await until(async () => Number(await server.metric(http('slow_reader'))) >= before + READERS);
  };

  it('after repeated misuse the server answers and holds no memory of it', async () => {
    await round();
    const before = await server.held();
    for (let turn = 0; turn < 2; turn += 1) await round();
    // In between, 8 clients asked for 16 MB each and never read.
    await expect.poll(async () => (await server.held()) - before, SOON).toBeLessThan(20);

    runtime.on(TASK, { json: taskSample('running') });
    const key = newKey();
    expect((await post(getTask('alive'), key, await opened(key))).status).toBe(200);
    expect(await server.metric('cyberun_mcp_calls_in_progress')).toBe(0);
    expect(server.process.child.exitCode).toBeNull();
    expect(server.process.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
    expect(await server.process.end()).toBe(0);
  });
});
