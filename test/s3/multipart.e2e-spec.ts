import { afterAll, beforeAll, expect, it } from 'vitest';

import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { largeOutput, presign, promiseMultipart, S3_PART } from '../support/multipart-promises.js';
import { PartsUpload } from '../support/upload-in-parts.js';
import { ObjectStoreServer } from '../support/versitygw.js';

let store: ObjectStoreServer;
let server: RuntimeServer;
beforeAll(async () => {
  store = await ObjectStoreServer.start();
  server = await RuntimeServer.start(
    { 'large.yaml': largeOutput(S3_PART) },
    { env: store.settings, limits: { partBytes: S3_PART } },
  );
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

promiseMultipart(() => server, S3_PART);

it('the parts of a file lead to the bucket, and the steps of its upload to the runtime', async () => {
  const upload = await PartsUpload.begin(await presign(server, 2 * S3_PART));
  const [part] = (await upload.parts()).parts;
  expect(part?.upload_url.startsWith(`${store.endpoint}/cyberun-files/inputs/`)).toBe(true);
  for (const url of [upload.partsUrl, upload.completeUrl, upload.abortUrl])
    expect(url.startsWith(`${server.origin}/api/v1/uploads/`)).toBe(true);
});
