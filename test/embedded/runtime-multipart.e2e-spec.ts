import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { link, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  fileOf,
  largeOutput,
  presign,
  promiseMultipart,
  read,
  SMALL_PART,
} from '../support/multipart-promises.js';
import { type Part, PartsUpload, sha256 } from '../support/upload-in-parts.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const wanted = { limits: { partBytes: SMALL_PART } };
const FILE = fileOf(SMALL_PART);
let server: RuntimeServer;
beforeAll(async () => {
  server = await RuntimeServer.start({ 'large.yaml': largeOutput(SMALL_PART) }, wanted);
});
afterAll(() => server[Symbol.asyncDispose]());

promiseMultipart(() => server, SMALL_PART);

it('of two requests for one part at the same time, the later one counts', async () => {
  const presigned = await presign(server, FILE.length);
  const upload = await PartsUpload.begin(presigned);
  await upload.putAll(FILE);
  const [part] = (await upload.parts()).parts;
  if (!part) throw new Error('no part');
  const stalled = request(part.upload_url, { method: 'PUT', headers: part.upload_headers });
  stalled.on('error', () => undefined);
  const answered = once(stalled, 'response') as Promise<[IncomingMessage]>;
  stalled.write(Buffer.alloc(SMALL_PART / 2, 1));
  await expect.poll(async () => (await upload.parts()).parts[0]?.etag).toBeUndefined();
  expect((await upload.put(part, FILE)).status).toBe(200);
  const [{ statusCode }] = await answered;
  expect(statusCode).toBe(409);
  stalled.destroy();
  expect((await upload.complete()).status).toBe(200);
  expect(sha256(await read(server, presigned.file_key))).toBe(sha256(FILE));
});

it('a file that was completed by a server that then ended is complete when the client asks again', async () => {
  const presigned = await presign(server, FILE.length);
  const upload = await PartsUpload.begin(presigned);
  await upload.putAll(FILE);
  const files = join(server.folder, 'data', 'files');
  const [uploadId = ''] = await readdir(join(files, 'multipart'));
  // The last step before the upload is removed.
  await mkdir(dirname(join(files, presigned.file_key)), { recursive: true });
  await link(join(files, 'multipart', uploadId, 'data'), join(files, presigned.file_key));
  expect((await upload.complete()).status).toBe(200);
  expect(await readdir(join(files, 'multipart'))).toEqual([]);
  expect(sha256(await read(server, presigned.file_key))).toBe(sha256(FILE));
});

it('a late part cannot change a file that is complete', async () => {
  const presigned = await presign(server, FILE.length);
  const upload = await PartsUpload.begin(presigned);
  await upload.putAll(FILE);
  const [part] = (await upload.parts()).parts;
  if (!part) throw new Error('no part');
  const stalled = request(part.upload_url, { method: 'PUT', headers: part.upload_headers });
  stalled.on('error', () => undefined);
  stalled.write(Buffer.alloc(SMALL_PART / 2, 1));
  await expect.poll(async () => (await upload.parts()).parts[0]?.etag).toBeUndefined();
  expect((await upload.complete()).status).toBe(400);
  stalled.destroy();
  await upload.put(part, FILE);
  expect((await upload.complete()).status).toBe(200);
  expect(sha256(await read(server, presigned.file_key))).toBe(sha256(FILE));
});

it('a part that is cut off is not stored, and an upload goes on after a restart', async () => {
  await using first = await RuntimeServer.start({}, wanted);
  const presigned = await presign(first, FILE.length);
  const upload = await PartsUpload.begin(presigned);
  const [one, two, three] = (await upload.parts()).parts;
  if (!one || !two || !three) throw new Error('a part is missing');
  await upload.put(one, FILE);
  const cut = request(two.upload_url, { method: 'PUT', headers: two.upload_headers });
  cut.on('error', () => undefined);
  cut.write(Buffer.alloc(SMALL_PART / 2));
  cut.destroy();
  await first.stop();
  await using second = await RuntimeServer.start({}, { ...wanted, folder: first.folder });
  const moved = (url: string): string => url.replace(first.origin, second.origin);
  const listed = (await (await fetch(moved(upload.partsUrl))).json()) as { parts: Part[] };
  expect(listed.parts.map(({ etag }) => etag !== undefined)).toEqual([true, false, false]);
  for (const part of listed.parts.slice(1)) await upload.put(part, FILE);
  expect((await fetch(moved(upload.completeUrl), { method: 'POST' })).status).toBe(200);
  expect(sha256(await read(second, presigned.file_key))).toBe(sha256(FILE));
  expect(await readdir(join(first.folder, 'data/files/multipart'))).toEqual([]);
});
