import { randomBytes, randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database } from '../../src/runtime/database/index.js';
import { ObjectStore, StoredFiles } from '../../src/runtime/files/index.js';
import { Retention } from '../../src/runtime/retention/index.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { ObjectStoreServer } from '../support/versitygw.js';

let store: ObjectStoreServer;
let server: RuntimeServer;
beforeAll(async () => {
  store = await ObjectStoreServer.start();
  server = await RuntimeServer.start({}, { env: store.settings });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

interface Presigned {
  readonly file_key: string;
  readonly upload_url: string;
  readonly upload_headers: Record<string, string>;
}

const presign = async (file_name = 'a.txt', file_size = 5): Promise<Presigned> => {
  const wanted = { file_name, file_size, content_type: 'text/plain' };
  const { status, body } = await server.call('POST', '/r/files/presign', wanted);
  expect(status).toBe(200);
  return body as Presigned;
};

const put = (url: string, headers: Record<string, string>, body = 'hello'): Promise<Response> =>
  // fetch sets Content-Length itself.
  fetch(url, {
    method: 'PUT',
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'Content-Length')),
    body,
  });

it('an upload link leads to the bucket, and takes the file with the signed headers', async () => {
  const { file_key, upload_url, upload_headers } = await presign('ä b+(1).txt');
  expect(upload_url.startsWith(`${store.endpoint}/cyberun-files/inputs/`)).toBe(true);
  expect(upload_headers).toEqual({ 'Content-Length': '5', 'If-None-Match': '*' });
  expect((await put(upload_url, upload_headers)).status).toBe(200);
  expect(store.has(file_key)).toBe(true);
});

it('an upload without the signed headers is refused', async () => {
  const { file_key, upload_url } = await presign();
  expect((await put(upload_url, {})).status).toBe(403);
  expect(store.has(file_key)).toBe(false);
});

it('an upload of another length is refused', async () => {
  const { file_key, upload_url, upload_headers } = await presign();
  expect((await put(upload_url, upload_headers, 'hello you')).status).toBe(403);
  expect(store.has(file_key)).toBe(false);
});

it('a second upload by the same link is refused, and the file stays', async () => {
  const { upload_url, upload_headers } = await presign();
  expect((await put(upload_url, upload_headers)).status).toBe(200);
  expect((await put(upload_url, upload_headers, 'other')).status).toBe(412);
});

it.each([
  ['key', (url: string) => url.replace('/inputs/', '/outputs/')],
  ['signature', (url: string) => url.replace(/X-Amz-Signature=..../, 'X-Amz-Signature=0000')],
  ['expiry', (url: string) => url.replace('X-Amz-Expires=3600', 'X-Amz-Expires=9999')],
])('an upload link with another %s is refused', async (_what, tampered) => {
  const { upload_url, upload_headers } = await presign();
  expect(tampered(upload_url)).not.toBe(upload_url);
  expect((await put(tampered(upload_url), upload_headers)).status).toBe(403);
});

it('a text is stored in the bucket without an upload', async () => {
  const wanted = { file_name: 'a.md', content_type: 'text/markdown', content_text: 'häuser' };
  const { status, body } = await server.call('POST', '/r/files', wanted);
  expect([status, body.file_size]).toEqual([201, 7]);
  expect(store.has(body.file_key as string)).toBe(true);
});

it.each([0, 1, 8 * 1024 * 1024, 20 * 1024 * 1024 + 3])(
  'an object of %i bytes whose size is known only at its end is stored as it is',
  async (size) => {
    const objects = server.app.get(ObjectStore, { strict: false });
    const bytes = randomBytes(size);
    const key = `inputs/${randomUUID()}/${randomUUID()}/dGV4dC9wbGFpbg/a`;
    const chunks = [bytes.subarray(0, size / 3), bytes.subarray(size / 3)];
    expect(await objects.write(key, chunks)).toBe(size);
    const stored = await (await fetch(await objects.download(key, 'public'))).bytes();
    expect(Buffer.compare(stored, bytes)).toBe(0);
  },
);

it('an object whose bytes end with an error is not stored', async () => {
  const objects = server.app.get(ObjectStore, { strict: false });
  const key = `inputs/${randomUUID()}/${randomUUID()}/dGV4dC9wbGFpbg/a`;
  async function* breaking(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(20 * 1024 * 1024);
    await Promise.reject(new Error('broken'));
  }
  await expect(objects.write(key, breaking())).rejects.toThrow('broken');
  expect(store.has(key)).toBe(false);
});

it('the built-in routes for files answer 404', async () => {
  for (const method of ['GET', 'HEAD', 'PUT']) {
    const response = await fetch(`${server.origin}/api/v1/files/cyberun/inputs/a`, { method });
    expect(response.status, method).toBe(404);
  }
  expect((await server.get('/files/cyberun/inputs/a')).body.error_message).toContain('object store');
});

it('the sweep removes expired files of the runtime in batches, and nothing else', async () => {
  const { file_key: kept, upload_url, upload_headers } = await presign();
  await put(upload_url, upload_headers);
  const keyOf = (kind: string, index: number): string =>
    kind === 'inputs' ? `inputs/team/${index}/dGV4dC9wbGFpbg/a` : `outputs/team/${index}/1/dGV4dC9wbGFpbg/a`;
  const inputs = Array.from({ length: 1050 }, (_, index) => keyOf('inputs', index));
  for (const key of inputs) await store.plant(key, 2);
  await store.plant(keyOf('outputs', 1), 8);
  await store.plant(keyOf('outputs', 2), 6);
  await store.plant('inputs/of-another-program', 100);
  await server.app.get(Retention, { strict: false }).sweep();
  expect(inputs.filter((key) => store.has(key))).toEqual([]);
  expect(store.has(keyOf('outputs', 1))).toBe(false);
  expect(store.has(keyOf('outputs', 2))).toBe(true);
  expect(store.has('inputs/of-another-program')).toBe(true);
  expect(store.has(kept)).toBe(true);
});

it('the bytes of a team count what is in the bucket, and an upload that never came only until its link has ended', async () => {
  const arrived = await presign('arrived.txt');
  await put(arrived.upload_url, arrived.upload_headers);
  const missing = await presign('missing.txt');
  const { db } = server.app.get(Database, { strict: false });
  const rows = () =>
    db
      .selectFrom('stored_file')
      .select(['file_key', 'is_confirmed'])
      .where('file_key', 'in', [arrived.file_key, missing.file_key])
      .execute();
  expect(await rows()).toHaveLength(2);
  await db
    .updateTable('stored_file')
    .set({ created_at: new Date(Date.now() - 3 * 3_600_000) })
    .execute();
  await server.app.get(StoredFiles, { strict: false }).sweep(new AbortController().signal);
  expect(await rows()).toEqual([{ file_key: arrived.file_key, is_confirmed: true }]);
});
