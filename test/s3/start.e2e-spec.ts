import { afterAll, beforeAll, expect, it } from 'vitest';

import { StartError } from '../../src/config/index.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { ObjectStoreServer } from '../support/versitygw.js';

let store: ObjectStoreServer;
beforeAll(async () => {
  store = await ObjectStoreServer.start();
});
afterAll(() => store[Symbol.asyncDispose]());

const SECRET = 'not-to-be-shown';

it.each([
  [
    'the bucket does not exist',
    { CYBERUN_S3_BUCKET: 'other-bucket' },
    /^The object store at \S+ has no bucket "other-bucket"\. Create it, or name another one in CYBERUN_S3_BUCKET\.$/,
  ],
  [
    'the secret of the access key is wrong',
    { CYBERUN_S3_SECRET_ACCESS_KEY: SECRET },
    /^The object store at \S+ refuses the access key for bucket "cyberun-files"\. Check CYBERUN_S3_ACCESS_KEY_ID, /,
  ],
  [
    'the access key is unknown',
    { CYBERUN_S3_ACCESS_KEY_ID: 'unknown' },
    /^The object store at \S+ refuses the access key for bucket "cyberun-files"\. /,
  ],
  [
    'nothing listens at the endpoint',
    { CYBERUN_S3_ENDPOINT: 'http://127.0.0.1:1' },
    /^CYBERUN_S3_ENDPOINT leads to http:\/\/127\.0\.0\.1:1, but nothing listens there\. /,
  ],
])('the runtime does not start when %s, and says so in a sentence', async (_what, wrong, sentence) => {
  const start = RuntimeServer.start({}, { env: { ...store.settings, ...wrong } });
  const error: unknown = await start.then(
    async (server) => server[Symbol.asyncDispose](),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StartError);
  expect((error as Error).message).toMatch(sentence);
  expect((error as Error).message).not.toContain(SECRET);
});

it('the runtime does not wait for a silent store when it starts', async () => {
  store.signal('SIGSTOP');
  const startedAt = Date.now();
  const start = RuntimeServer.start({}, { env: store.settings });
  await expect(start).rejects.toThrow(/^CYBERUN_S3_ENDPOINT leads to \S+, but it does not answer\. /);
  store.signal('SIGCONT');
  // Starting the rest of the runtime is part of it.
  expect(Date.now() - startedAt).toBeLessThan(30_000);
});
