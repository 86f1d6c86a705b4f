import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database } from '../../src/runtime/database/index.js';
import { ObjectStore } from '../../src/runtime/files/index.js';
import { ServiceServer } from '../e2e/service-support/service-fixture.js';
import { presign, read, S3_PART } from '../support/multipart-promises.js';
import { PartsUpload, sha256 } from '../support/upload-in-parts.js';
import { ObjectStoreServer } from '../support/versitygw.js';

/** Stands before the store, which it answers for; it loses one answer to each request that is named. */
let proxy: Server;
let store: ObjectStoreServer;
let services: ServiceServer;
/** Requests whose next answer is lost, as beginnings of method and path. */
const toLose: string[] = [];
/** Uploads that are complete: the store of the tests completes them twice, and others do not. */
const completed = new Set<string>();
const NO_UPLOAD = '<Error><Code>NoSuchUpload</Code></Error>';
/** What the store answered to requests that were repeated for that. */
const answers: [string, number][] = [];

beforeAll(async () => {
  store = await ObjectStoreServer.start();
  const { port } = new URL(store.endpoint);
  proxy = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    if (method === 'POST' && completed.has(url)) {
      answers.push([method, 404]);
      incoming.resume();
      outgoing.writeHead(404, { 'content-type': 'application/xml' }).end(NO_UPLOAD);
      return;
    }
    const place = { host: '127.0.0.1', port, method, path: url, headers };
    const forwarded = request(place, (answer) => {
      const { statusCode = 0 } = answer;
      if (statusCode >= 400) answers.push([method, statusCode]);
      const lost = toLose.findIndex((beginning) => `${method} ${url}`.startsWith(beginning));
      if (lost === -1) {
        answer.pipe(outgoing.writeHead(statusCode, answer.headers));
        return;
      }
      toLose.splice(lost, 1);
      completed.add(url);
      // The store has done it, and goes on to answer the next request.
      answer.resume().once('end', () => outgoing.destroy());
    });
    forwarded.once('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const endpoint = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  services = await ServiceServer.start(
    {},
    { ...store.settings, CYBERUN_S3_ENDPOINT: endpoint },
    { partBytes: S3_PART },
  );
});
afterAll(async () => {
  await services[Symbol.asyncDispose]();
  proxy.closeAllConnections();
  proxy.close();
  await store[Symbol.asyncDispose]();
});

const keyFor = (): string => `inputs/${randomUUID()}/${randomUUID()}/dGV4dC9wbGFpbg/a`;
const objects = (): ObjectStore => services.server.app.get(ObjectStore, { strict: false });
const bytesOf = async (key: string) => (await fetch(await objects().download(key, 'public'))).bytes();

it.each([
  ['a small object', 'PUT', 1000],
  ['an object of several parts', 'POST', 9 * 1024 * 1024],
])('%s is stored although the answer of the store was lost', async (_what, method, size) => {
  const key = keyFor();
  const bytes = randomBytes(size);
  answers.length = 0;
  // The last request of a writer; of the two POST of a large object, the second one has its id.
  toLose.push(method === 'PUT' ? `PUT /cyberun-files/${key}` : `POST /cyberun-files/${key}?uploadId=`);
  expect(await objects().write(key, [bytes])).toBe(size);
  expect(toLose).toEqual([]);
  expect(answers).toEqual([[method, method === 'PUT' ? 412 : 404]]);
  expect(sha256(await bytesOf(key))).toBe(sha256(bytes));
});

it.each([1000, 9 * 1024 * 1024])(
  'an object of %i bytes does not pass for one of the same size that was there before',
  async (size) => {
    const key = keyFor();
    const earlier = randomBytes(size);
    await objects().write(key, [earlier]);
    await expect(objects().write(key, [randomBytes(size)])).rejects.toThrow(
      /cannot be reached|not stored: exists/,
    );
    expect(sha256(await bytesOf(key))).toBe(sha256(earlier));
  },
);

it('an upload in parts is complete for its client although the answer of the store was lost', async () => {
  const file = randomBytes(2 * S3_PART);
  const presigned = await presign(services.server, file.length);
  const upload = await PartsUpload.begin(presigned);
  await upload.putAll(file);
  toLose.push(`POST /cyberun-files/${presigned.file_key}?uploadId=`);
  const done = await upload.complete();
  expect([done.status, await done.json()]).toEqual([200, { file_key: presigned.file_key }]);
  expect(toLose).toEqual([]);
  expect(sha256(await read(services.server, presigned.file_key))).toBe(sha256(file));
});

it('an answer waits 5 seconds for a store that is silent, and then comes without a link', async () => {
  const linked = await services.invoke('odd', '/', { link_above: 1 });
  expect(linked.body.body_link).toMatchObject({ content_type: 'application/json' });
  const rows = () =>
    services.server.app
      .get(Database, { strict: false })
      .db.selectFrom('stored_file')
      .select('file_key')
      .where('file_key', 'like', 'answers/%')
      .execute();
  const before = await rows();
  store.signal('SIGSTOP');
  const { status, body } = await services.invoke('odd', '/', { link_above: 1 }).finally(() => {
    store.signal('SIGCONT');
  });
  expect([status, body.status_code, body.link_fault]).toEqual([
    200,
    200,
    'The body could not be stored for a link: the file store of this runtime did not take it within 5 s.',
  ]);
  expect(body).not.toHaveProperty('body_link');
  // It takes no room of the team either.
  await expect.poll(rows).toEqual(before);
});
