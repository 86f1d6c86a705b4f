import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { expect, it } from 'vitest';

import { LIMITS } from '../../config/index.js';
import { JsonRpcHttpError } from '../protocol/index.js';
import { BodyReader, type ReadBody } from './body-reader.js';

const LIMIT = 100;
const QUICK_MS = 200;

const bodies = new BodyReader({ mcpBodyLimitBytes: LIMIT, limits: { ...LIMITS, bodyMs: QUICK_MS } });
const readJson = async (request: IncomingMessage, by = bodies): Promise<unknown> =>
  (await by.readJson(request)).json;

/** A body that arrives in these pieces. */
function arriving(...chunks: Buffer[]): IncomingMessage {
  const stream = Object.assign(new PassThrough(), { headers: { 'content-type': 'application/json' } });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return stream as unknown as IncomingMessage;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory of objects and buffers, garbage left out. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('readJson joins characters that are split between chunks', async () => {
  const bytes = Buffer.from(JSON.stringify({ text: 'é😀é' }));
  const pieces = [...bytes].map((byte) => Buffer.from([byte]));
  expect(await readJson(arriving(...pieces))).toEqual({ text: 'é😀é' });
});

it('readJson accepts a body up to the limit and not a byte more', async () => {
  const exact = Buffer.from(JSON.stringify('x'.repeat(LIMIT - 2)));
  expect(await readJson(arriving(exact))).toHaveLength(LIMIT - 2);
  await expect(readJson(arriving(exact, Buffer.from(' ')))).rejects.toMatchObject({ status: 413 });
});

it.each([
  ['no letter of UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['half a letter', Buffer.from([0x22, 0xf0, 0x9f, 0x22])],
  ['a letter in too many bytes', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ['half a surrogate pair', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['UTF-16', Buffer.from('"x"', 'utf16le')],
  ['nothing', Buffer.alloc(0)],
])('readJson refuses %s as a parse error', async (_what, bytes) => {
  const refused = readJson(arriving(bytes));
  await expect(refused).rejects.toBeInstanceOf(JsonRpcHttpError);
  await expect(refused).rejects.toMatchObject({ status: 400, code: -32700 });
});

it('readJson stops when the client disconnects', async () => {
  const stream = Object.assign(new PassThrough(), { headers: { 'content-type': 'application/json' } });
  const read = readJson(stream as unknown as IncomingMessage);
  stream.write('{"half":');
  stream.destroy();
  await expect(read).rejects.toMatchObject({ code: -32700 });
});

it('readJson times out when the client is slow', async () => {
  const stream = Object.assign(new PassThrough(), { headers: { 'content-type': 'application/json' } });
  const began = performance.now();
  const read = readJson(stream as unknown as IncomingMessage);
  stream.write('{"half":');
  await expect(read).rejects.toMatchObject({ status: 408, code: -32000 });
  expect(performance.now() - began).toBeGreaterThanOrEqual(QUICK_MS * 0.99);
});

it('readJson stores no more than the bytes of a body in many chunks', async () => {
  const size = 500_000;
  const patient = new BodyReader({ mcpBodyLimitBytes: size, limits: LIMITS });
  const bytes = Buffer.from(JSON.stringify('x'.repeat(size - 2)));
  const request = Object.assign(new EventEmitter(), { headers: { 'content-type': 'application/json' } });
  const before = heldBytes();
  const read = readJson(request as unknown as IncomingMessage, patient);
  for (let n = 0; n < size; n += 1) request.emit('data', bytes.subarray(n, n + 1));
  const grown = heldBytes() - before;
  request.emit('end');
  expect(await read).toHaveLength(size - 2);
  expect(grown).toBeLessThan(4 * 1024 * 1024);
  patient.onApplicationShutdown();
});

it('readJson rejects a body over the total limit until others have ended', async () => {
  const size = 10_000;
  const open = (): PassThrough & { headers: object } =>
    Object.assign(new PassThrough(), { headers: { 'content-type': 'application/json' } });
  const crowded = new BodyReader({
    mcpBodyLimitBytes: size,
    limits: { ...LIMITS, bodiesBytes: 2 * size },
  });
  const read = async (stream: object): Promise<unknown> => {
    const { json, release } = await crowded.readJson(stream as IncomingMessage);
    release?.();
    return json;
  };
  const whole = JSON.stringify('x'.repeat(size - 2));
  const waiting = [open(), open()];
  const answers = waiting.map(read);
  for (const stream of waiting) stream.write(whole.slice(0, -1));

  await expect(read(arriving(Buffer.from(whole)))).rejects.toMatchObject({
    status: 503,
    limit: 'bodies_total',
    headers: { 'Retry-After': '1' },
  });
  expect(await read(arriving(Buffer.from('"a small one"')))).toBe('a small one');

  waiting[1]?.destroy();
  await expect(answers[1]).rejects.toMatchObject({ status: 400 });
  waiting[0]?.end('"');
  expect(await answers[0]).toHaveLength(size - 2);
  for (let n = 0; n < 5; n += 1) expect(await read(arriving(Buffer.from(whole)))).toHaveLength(size - 2);
  crowded.onApplicationShutdown();
});

it('readJson reserves the memory of a parsed body until its release', async () => {
  const size = 100_000;
  const roomy = new BodyReader({ mcpBodyLimitBytes: size, limits: { ...LIMITS, bodiesBytes: 20 * size } });
  const read = (text: string): Promise<ReadBody> => roomy.readJson(arriving(Buffer.from(text)));
  const text = JSON.stringify('x'.repeat(size - 2));
  const objects = `[${Array.from({ length: size / 3 - 1 }, () => '{}').join(',')}]`;

  // Taken alone, any body has room, however much it takes.
  const { release } = await read(objects);
  await expect(read(text)).rejects.toMatchObject({ status: 503, limit: 'bodies_total' });
  expect(await read('"light"')).toEqual({ json: 'light' });
  release?.();

  for (let n = 0; n < 20; n += 1) {
    const several = await Promise.all(Array.from({ length: 5 }, () => read(text)));
    for (const one of several) one.release?.();
    await expect(read(text.slice(0, -1))).rejects.toMatchObject({ status: 400 });
  }
  roomy.onApplicationShutdown();
});
