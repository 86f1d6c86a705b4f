import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';

import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';

import { ConfigModule, readConfig } from '../../src/config/index.js';
import {
  type Caller,
  type ServerSentEvent,
  UpstreamClient,
  UpstreamError,
  type UpstreamEventsRequest,
  UpstreamModule,
} from '../../src/upstream/index.js';
import { events, MockRuntime } from '../support/mock-runtime.js';

const KEY = 'sk-the-secret-of-this-caller';
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const THING = 'GET /r/things/:id';
const RUN = 'POST /r/things/:id/run';

const thing = z.looseObject({ id: z.string() });
const read = {
  operation: 'get the thing',
  method: 'GET',
  path: ['r', 'things', 'x'],
  answer: thing,
} as const;
const run = {
  operation: 'run the thing',
  method: 'POST',
  path: ['r', 'things', 'x', 'run'],
  body: { a: 1 },
  answer: thing,
  whenUnsure: 'Look first.',
} as const;

let runtime: MockRuntime;
let module: TestingModule;
let client: UpstreamClient;
let giveUp: AbortController;
let caller: Caller;

async function clientOf(runtimeUrl: string, settings: Record<string, string> = {}): Promise<UpstreamClient> {
  const config = readConfig('mcp', { CYBERUN_RUNTIME_URL: runtimeUrl, ...settings });
  module = await Test.createTestingModule({ imports: [ConfigModule.with(config), UpstreamModule] }).compile();
  return module.get(UpstreamClient);
}

/** In place of the usual client, whose timeout no request may reach on a busy machine. */
async function useShortTimeout(): Promise<void> {
  await module.close();
  client = await clientOf(runtime.url, { CYBERUN_RUNTIME_TIMEOUT_MS: '300' });
}

/** The error of a call, checked to be safe in every respect that does not depend on the call. */
async function failure(call: Promise<unknown>): Promise<UpstreamError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof UpstreamError)) throw new Error('no UpstreamError', { cause: error });
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(KEY);
  return error;
}

/** All events of a stream that ends. */
const eventsOf = async (request: UpstreamEventsRequest): Promise<ServerSentEvent[]> => {
  const all: ServerSentEvent[] = [];
  await client.events(caller, request, (event) => Promise.resolve(all.push(event) === 0));
  return all;
};

beforeEach(async () => {
  runtime = await MockRuntime.start('/some/prefix/api/v1');
  client = await clientOf(runtime.url, { CYBERUN_RUNTIME_RESPONSE_LIMIT_BYTES: '2048' });
  giveUp = new AbortController();
  caller = { key: KEY, signal: giveUp.signal };
});

afterEach(async () => {
  await module.close();
  await runtime[Symbol.asyncDispose]();
});

it('UpstreamClient.send keeps the path of the base, sends the body as JSON and returns unknown fields', async () => {
  runtime.on(RUN, { status: 202, json: { id: 'x', of_tomorrow: [1] } });
  expect(await client.send(caller, run)).toEqual({ id: 'x', of_tomorrow: [1] });
  expect(runtime.seen).toMatchObject([{ path: '/r/things/x/run', body: { a: 1 } }]);
});

it('UpstreamClient.send forwards the key and the trace, and no other header of the client', async () => {
  runtime.on(THING, { json: { id: 'x' } });
  await client.send({ ...caller, traceparent: TRACEPARENT }, read);
  await client.send({ ...caller, traceparent: 'not one\r\nx: y' }, read);
  const [first, second] = runtime.seen.map(({ headers }) => headers);
  expect(Object.keys(first ?? {}).toSorted()).toEqual([
    'accept',
    'authorization',
    'connection',
    'host',
    'traceparent',
    'user-agent',
  ]);
  expect(first).toMatchObject({ authorization: `Bearer ${KEY}`, traceparent: TRACEPARENT });
  expect(second).not.toHaveProperty('traceparent');
});

it('UpstreamClient.send omits undefined values from the query', async () => {
  runtime.on('GET /r/things', { json: { id: 'x' } });
  await client.send(caller, { ...read, path: ['r', 'things'], query: { a: 1, b: undefined, c: 'd e&' } });
  expect(runtime.seen[0]?.query).toEqual({ a: '1', c: 'd e&' });
});

it('UpstreamClient.send takes an empty response as an empty object', async () => {
  runtime.on(THING, (_request, response) => response.writeHead(204).end());
  expect(await client.send(caller, { ...read, answer: z.object({}) })).toEqual({});
});

it.each(['..', '.', '', 'a/b', 'a\\b', 'a\nb'])(
  'UpstreamClient.send sends no request for the id %j',
  async (id) => {
    const error = await failure(client.send(caller, { ...read, path: ['r', 'things', id] }));
    expect(error).toMatchObject({ kind: 'rejected', status: undefined });
    expect(error.body.error_message).toContain('exactly as a list tool returned it');
    expect(runtime.seen).toEqual([]);
  },
);

it('UpstreamClient.send reuses connections', async () => {
  const sockets = new Set<number | undefined>();
  runtime.on(THING, (_request, response) => {
    sockets.add(response.socket?.remotePort);
    response.end('{"id":"x"}');
  });
  for (let call = 0; call < 20; call++) await client.send(caller, read);
  // undici hands a connection back a tick after the answer, so a second one may be opened meanwhile.
  expect(sockets.size).toBeLessThanOrEqual(2);
});

const stalling = (head: string) => (_request: unknown, response: ServerResponse) => {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.write(head);
};

it('UpstreamError has the reason of a rejected request and the next step', async () => {
  runtime.on(THING, { status: 404, json: { error_message: 'resource not found', stack: 'planted' } });
  expect(await failure(client.send(caller, read))).toMatchObject({
    kind: 'rejected',
    status: 404,
    body: { error_message: 'resource not found. Check the id or slug with the matching list tool.' },
  });
});

it('UpstreamError has the seconds when the runtime says when to retry', async () => {
  runtime.on(THING, { status: 429, json: { error_message: 'slow down' }, headers: { 'Retry-After': '7' } });
  expect((await failure(client.send(caller, read))).body).toEqual({
    error_message: expect.stringMatching(/^slow down\. .*Wait/),
    retry_after_seconds: 7,
  });
});

it.each([502, 504])(
  'UpstreamError says that the request may have taken effect when a gateway answers %i',
  async (status) => {
    runtime.on(RUN, (_request, response) => response.writeHead(status).end('<html>'));
    const { body } = await failure(client.send(caller, run));
    expect(body.error_message).toBe(
      `The runtime refused with status ${status} and gave no reason. Look first.`,
    );
  },
);

it.each([
  ['breaks its contract', '{"surprise":true}'],
  ['answers with a page', '<html>'],
])('UpstreamError is of kind invalid when the runtime %s', async (_when, text) => {
  runtime.on(THING, (_request, response) => response.end(text));
  runtime.on(RUN, (_request, response) => response.end(text));
  const error = await failure(client.send(caller, read));
  expect(error.kind).toBe('invalid');
  expect(error.body.error_message).toContain('does not understand');
  expect(error.body.error_message).toContain('It changes nothing');
  expect((await failure(client.send(caller, run))).body.error_message).toContain('Look first.');
});

it('UpstreamError says that the answer is above the limit', async () => {
  const text = JSON.stringify({ id: 'x'.repeat(4096) });
  runtime.on(THING, (_request, response) => response.end(text));
  runtime.on(RUN, (_request, response) => response.end(text));
  const tooLarge = "The runtime's answer is larger than the 2048 bytes this server takes when it asks to";
  expect(await failure(client.send(caller, read))).toMatchObject({
    kind: 'invalid',
    body: { error_message: `${tooLarge} get the thing. It would be again; ask for less, if you can.` },
  });
  expect((await failure(client.send(caller, run))).body.error_message).toMatch(
    /larger than .* Look first\.$/,
  );
});

it('UpstreamError is of kind invalid for a redirect, which the client does not follow', async () => {
  runtime.on(THING, { status: 307, headers: { Location: `${runtime.url}/r/other/x` } });
  expect(await failure(client.send(caller, read))).toMatchObject({ kind: 'invalid', status: 307 });
  expect(runtime.seen).toHaveLength(1);
});

it.each([
  ['never answers', () => undefined],
  ['stalls half way', stalling('{"id":')],
])('UpstreamError is of kind timeout when the runtime %s', async (_when, answer) => {
  await useShortTimeout();
  runtime.on(RUN, answer);
  const error = await failure(client.send(caller, run));
  expect(error.kind).toBe('timeout');
  expect(error.body.error_message).toContain('did not answer in time');
  expect(error.body.error_message).toContain('Look first.');
});

it('UpstreamError says that a request may have taken effect when its connection breaks', async () => {
  runtime.on(RUN, (_request, response) => void response.destroy());
  const error = await failure(client.send(caller, run));
  expect(error).toMatchObject({ kind: 'unreachable' });
  expect(error.body.error_message).toContain('Look first.');
  expect(runtime.seen).toHaveLength(1);
});

it('UpstreamError says that nothing happened when the runtime is not reachable', async () => {
  const { url } = runtime;
  await runtime[Symbol.asyncDispose]();
  const error = await failure(client.send(caller, run));
  expect(error).toMatchObject({ kind: 'unreachable' });
  expect(error.body.error_message).toContain('nothing happened');
  expect(error.body.error_message).not.toContain(new URL(url).port);
  runtime = await MockRuntime.start();
});

it('UpstreamError is of kind cancelled when the caller aborts', async () => {
  runtime.on(RUN, () => giveUp.abort());
  const error = await failure(client.send(caller, run));
  expect(error.kind).toBe('cancelled');
  await vi.waitFor(() => expect(runtime.dropped).toHaveLength(1), { timeout: 60_000 });
});

const request = { operation: 'follow the thing', path: ['r', 'things', 'x', 'events'] };
const EVENTS = 'GET /r/things/:id/events';

it('UpstreamClient.events passes on events as they arrive, without comments, and resumes after a given one', async () => {
  const { promise: firstRead, resolve } = Promise.withResolvers<void>();
  runtime.on(
    EVENTS,
    events([
      { comment: 'hello' },
      { id: '7', event: 'status', data: { status: 'läuft' } },
      { until: firstRead },
      { event: 'end', data: {} },
    ]),
  );
  const seen: unknown[] = [];
  await client.events(caller, { ...request, lastEventId: '6' }, (event) => {
    seen.push(event);
    resolve();
    return Promise.resolve(false);
  });
  expect(seen).toEqual([
    { id: '7', event: 'status', data: '{"status":"läuft"}' },
    { event: 'end', data: '{}' },
  ]);
  expect(runtime.seen[0]?.headers).toMatchObject({ accept: 'text/event-stream', 'last-event-id': '6' });
});

it('UpstreamClient.events may take longer than a request, but not when the runtime sends nothing', async () => {
  await useShortTimeout();
  runtime.on(EVENTS, events([{ event: 'status', data: {} }, { until: new Promise(() => {}) }]));
  const began = Date.now();
  const error = await failure(eventsOf({ ...request, idleMs: 600 }));
  expect(error.kind).toBe('timeout');
  expect(Date.now() - began).toBeGreaterThanOrEqual(590);
});

it('UpstreamClient.events counts a comment as activity', async () => {
  let beats = 0;
  runtime.on(EVENTS, (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const timer = setInterval(() => {
      if (++beats < 10) return void response.write(': beat\n\n');
      clearInterval(timer);
      return void response.end('event: end\ndata: {}\n\n');
    }, 50);
  });
  expect(await eventsOf({ ...request, idleMs: 450 })).toHaveLength(1);
});

it('UpstreamClient.events throws an error of kind rejected for status 404', async () => {
  runtime.on(EVENTS, { status: 404, json: { error_message: 'resource not found' } });
  expect(await failure(eventsOf(request))).toMatchObject({
    kind: 'rejected',
    status: 404,
  });
});

it('UpstreamClient.events throws when the connection breaks', async () => {
  runtime.on(EVENTS, events([{ event: 'status', data: {} }], { cut: true }));
  expect((await failure(eventsOf(request))).kind).toBe('unreachable');
});

it('UpstreamClient.events throws an error of kind invalid for an event above the limit', async () => {
  runtime.on(EVENTS, events([{ event: 'status', data: 'x'.repeat(9000) }]));
  expect((await failure(eventsOf(request))).kind).toBe('invalid');
});

it('UpstreamClient.events closes the stream when the reader stops, and when the caller aborts', async () => {
  const forever = events([{ event: 'status', data: {} }, { until: new Promise(() => {}) }]);
  runtime.on(EVENTS, forever);
  await client.events(caller, request, () => Promise.resolve(true));
  await vi.waitFor(() => expect(runtime.dropped).toHaveLength(1), { timeout: 60_000 });

  const following = client.events(caller, request, () => Promise.resolve(giveUp.abort() !== undefined));
  expect((await failure(following)).kind).toBe('cancelled');
  await vi.waitFor(() => expect(runtime.dropped).toHaveLength(2), { timeout: 60_000 });
});

it('UpstreamClient.events closes the stream on an error of the reader, and throws it unchanged', async () => {
  runtime.on(EVENTS, events([{ event: 'status', data: {} }, { until: new Promise(() => {}) }]));
  const broken = new TypeError('of the reader');
  await expect(client.events(caller, request, () => Promise.reject(broken))).rejects.toBe(broken);
  await vi.waitFor(() => expect(runtime.dropped).toHaveLength(1), { timeout: 60_000 });
});

it('UpstreamClient.events passes on one event at a time', async () => {
  runtime.on(
    EVENTS,
    events([
      { event: 'a', data: {} },
      { event: 'b', data: {} },
      { event: 'c', data: {} },
    ]),
  );
  const order: string[] = [];
  await client.events(caller, request, async ({ event }) => {
    order.push(`${event} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${event} ends`);
    return false;
  });
  expect(order).toEqual(['a', 'b', 'c'].flatMap((event) => [`${event} begins`, `${event} ends`]));
});

const VALIDATION = 'GET /r/workflows';

it.each([
  ['valid when a workflow is listed', { json: { workflow_list: [] } }, { isValid: true }],
  ['valid when listing is not permitted', { status: 403, json: {} }, { isValid: true }],
  ['not valid at 401', { status: 401, json: { error_message: 'revoked' } }, { isValid: false }],
  [
    'valid for what the runtime says it may',
    { json: {}, headers: { 'Cyberun-Permissions': 'run, invoke' } },
    { isValid: true, permissions: new Set(['run', 'invoke']) },
  ],
  [
    'valid for nothing when it says so',
    { json: {}, headers: { 'Cyberun-Permissions': '' } },
    { isValid: true, permissions: new Set() },
  ],
])('UpstreamClient.validateKey says that a key is %s', async (_name, answer, validation) => {
  runtime.on(VALIDATION, answer);
  expect(await client.validateKey(caller)).toEqual(validation);
  expect(runtime.seen).toMatchObject([{ query: { per_page: '1' } }]);
});

it.each([500, 503, 429])('UpstreamClient.validateKey throws when the runtime answers %i', async (status) => {
  runtime.on(VALIDATION, { status, json: {} });
  expect(await failure(client.validateKey(caller))).toMatchObject({ kind: 'rejected', status });
});

describe('a proxy from the environment', () => {
  let proxy: Server;
  const connected: string[] = [];

  beforeEach(async () => {
    connected.length = 0;
    const sockets = new Set<Socket>();
    proxy = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', (head: Buffer) => {
        connected.push(head.toString('latin1').split('\r\n')[0] ?? '');
        socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
      });
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as { port: number };
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${port}`);
    vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${port}`);
    vi.stubEnv('NO_PROXY', 'direct.invalid');
    await module.close();
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    proxy.close();
    await once(proxy, 'close');
  });

  it('a proxy from the environment is used for a runtime on another host', async () => {
    client = await clientOf('https://runtime.invalid/api/v1');
    const error = await failure(client.send(caller, run));
    expect(error.kind).toBe('unreachable');
    expect(connected).toEqual(['CONNECT runtime.invalid:443 HTTP/1.1']);
  });

  it('a proxy from the environment is not used for hosts in NO_PROXY, nor for this machine', async () => {
    client = await clientOf('https://direct.invalid/api/v1');
    await failure(client.send(caller, read));
    await module.close();
    client = await clientOf(runtime.url);
    runtime.on(THING, { json: { id: 'x' } });
    await client.send(caller, read);
    expect(connected).toEqual([]);
  });
});
