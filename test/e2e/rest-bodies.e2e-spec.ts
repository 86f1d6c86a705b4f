import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from './runtime-support/runtime-fixture.js';

const RUN = '/r/workflows/slug/echo/run';
const MEGABYTE = 1024 * 1024;

let server: RuntimeServer;

beforeAll(async () => {
  server = await RuntimeServer.start({
    'echo.yaml': echoWorkflow('echo'),
    'open.yaml': echoWorkflow('open').replace('additionalProperties: false', 'additionalProperties: true'),
  });
});
afterAll(() => server[Symbol.asyncDispose]());

interface Sent {
  readonly path?: string;
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
}

/** Begins a POST whose body the test sends, or leaves unfinished. */
function begin({ path = RUN, key = BOOTSTRAP_KEY, headers = {} }: Sent): ClientRequest {
  const call = request(`${server.origin}/api/v1${path}`, {
    method: 'POST',
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
  });
  call.on('error', () => undefined);
  call.flushHeaders();
  return call;
}

async function answerTo(call: ClientRequest) {
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  const body = (await json(answer)) as { error_message: string };
  return { status: answer.statusCode, headers: answer.headers, body };
}

it.each([
  ['without a key', RUN, null, 401],
  ['with an unknown key', RUN, 'sk-this-key-is-unknown', 401],
  ['on an unknown path', '/r/nothing', BOOTSTRAP_KEY, 404],
  ['on an unknown path, without a key', '/r/nothing', null, 404],
  ['outside of the API', '/nothing', null, 404],
  ['larger than any', RUN, BOOTSTRAP_KEY, 413],
  ['larger than this call takes', '/r/files/presign', BOOTSTRAP_KEY, 413],
])('the runtime answers a body %s before it has arrived', async (_what, path, key, status) => {
  const call = begin({ path, key, headers: { 'content-length': String(100 * MEGABYTE) } });
  call.write('{"parameters":');
  const answer = await answerTo(call);
  call.destroy();
  expect(answer).toMatchObject({ status, body: { error_message: expect.any(String) } });
});

it.each([
  ['a key', BOOTSTRAP_KEY, 415],
  ['no key', null, 401],
])('the runtime does not decompress a compressed body for %s', async (_what, key, status) => {
  const bomb = gzipSync(Buffer.alloc(8_000_000, '['));
  expect(bomb.length).toBeLessThan(16_000);
  const call = begin({ key, headers: { 'content-encoding': 'gzip' } });
  call.end(bomb);
  const answer = await answerTo(call);
  expect(answer.status).toBe(status);
  if (status === 415) expect(answer.headers['accept-encoding']).toBe('identity');
});

it('a body may have Content-Encoding identity', async () => {
  const call = begin({ headers: { 'content-encoding': 'identity' } });
  call.end(JSON.stringify({ parameters: { text: 'x' } }));
  expect(await answerTo(call)).toMatchObject({ status: 202 });
});

const nested = (levels: number): string =>
  `{"parameters":{"text":"x","more":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}}`;
it.each([
  ['nested in objects', nested(100_000), 'levels deep'],
  ['nested in lists', `{"parameters":${'['.repeat(8_000_000)}`, 'levels deep'],
  ['of very many values', `{"parameters":{"text":"x","more":[${'0,'.repeat(300_000)}0]}}`, 'values'],
  ['cut off in a text', '{"parameters":{"text":"x', 'not valid JSON'],
  ['not in UTF-8', Buffer.from('{"parameters":{"text":"\u00e9"}}', 'latin1'), 'UTF-8'],
  ['that is an array', '[]', 'must be a JSON object'],
  ['that is null', 'null', 'must be a JSON object'],
  ['with the field __proto__', '{"__proto__":{"parameters":{}}}', '"__proto__" is not a field'],
  ['with the parameters beside their field', '{"text":"x"}', '"text" is not a field of the body'],
])('the runtime rejects a body %s with a sentence', async (_what, text, sentence) => {
  const call = begin({ path: '/r/workflows/slug/open/run' });
  call.end(text);
  const answer = await answerTo(call);
  expect(answer).toMatchObject({
    status: 400,
    body: { error_message: expect.stringContaining(sentence) },
  });
  expect(answer.body.error_message.length).toBeLessThan(300);
});

it('the runtime accepts a body with many values and texts full of punctuation', async () => {
  const parameters = {
    text: 'x',
    list: Array.from({ length: 40_000 }, (_, index) => ({ index })),
    marks: `${'[{,'.repeat(100_000)}\\"`,
  };
  const { status, body } = await server.call('POST', '/r/workflows/slug/open/run', { parameters });
  expect([status, body.error_message]).toEqual([202, undefined]);
});

it('a body with misplaced parameters gets an error that says where they belong', async () => {
  const { status, body } = await server.call('POST', RUN, { size: 400, steps: 2 });
  expect([status, body.error_message]).toEqual([
    400,
    '"size", "steps" are not fields of the body, which takes parameters, dispatch_target, target_pool, ' +
      'submitter_region, tool_type. Parameters of the workflow belong inside "parameters": ' +
      '{"parameters": {"name": "value"}}.',
  ]);
});

it('a body may have null for optional fields', async () => {
  const body = { parameters: null, tool_type: null };
  expect((await server.call('POST', RUN, body)).body.error_message).toContain('"text" is required');
});

const invoke = (body_base64: string) =>
  server.call('POST', '/r/invoke/nothing', { method: 'POST', path: '/', body_base64 });

it.each([4, 11.9])('body_base64 of %d MiB is decoded', async (megabytes) => {
  // There is no such service: the body was good.
  const text = Buffer.alloc(megabytes * MEGABYTE, 'body').toString('base64');
  expect((await invoke(text)).status).toBe(404);
  expect(await invoke(`${text.slice(0, -8)}*AAA${text.slice(-4)}`)).toMatchObject({
    status: 400,
    body: { error_message: expect.stringContaining('body_base64 must be base64 with padding') },
  });
});

it.each(['A', 'AA', 'AA=A', 'A===', '====', 'AA\n=', 'A A=', 'AA_-', 'A\u0141A=', 'AAAAA==='])(
  'body_base64 must not be %j',
  async (text) => expect((await invoke(text)).status).toBe(400),
);
it.each(['', 'AA==', 'AAA=', 'AAAA', '+/+/'])('body_base64 may be %j', async (text) =>
  expect((await invoke(text)).status).toBe(404),
);
