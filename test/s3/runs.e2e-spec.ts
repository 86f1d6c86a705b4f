import { afterAll, beforeAll, expect, it } from 'vitest';

import { TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';
import { ObjectStoreServer } from '../support/versitygw.js';

const WORKFLOW = `document:
  dsl: '1.0.0'
  namespace: tests
  name: shout
  version: '1.0.0'
  title: Shout
  metadata: { labels: [local] }
input:
  schema:
    document:
      type: object
      required: [file]
      properties: { file: { type: string, format: file, contentMediaType: text/plain } }
do:
  - shout:
      run:
        shell:
          command: tr a-z A-Z < "$1" > "output/a café.txt"; printf '<p>' > output/page.html
          arguments: ['\${ .file }']
`;

let store: ObjectStoreServer;
let server: RuntimeServer;
let agent: TestAgent;
beforeAll(async () => {
  store = await ObjectStoreServer.start();
  server = await RuntimeServer.start({ 'shout.yaml': WORKFLOW }, { env: store.settings });
  agent = await TestAgent.start(server);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

async function uploaded(): Promise<string> {
  const wanted = { file_name: 'in.txt', file_size: 5, content_type: 'text/plain' };
  const { body } = await server.call('POST', '/r/files/presign', wanted);
  const response = await fetch(body.upload_url as string, {
    method: 'PUT',
    headers: { 'if-none-match': '*' },
    body: 'hello',
  });
  expect(response.status).toBe(200);
  return body.file_key as string;
}

it('a run reads its file from the bucket and leaves its outputs there, with their types and names', async () => {
  const id = await server.submit('shout', { file: await uploaded() });
  await until(async () =>
    ['completed', 'failed'].includes((await server.get(`/r/tasks/${id}`)).body.task_status as string),
  );
  const { body } = await server.get(`/r/tasks/${id}/result`);
  expect(body.task_status).toBe('completed');
  const urls = body.download_urls as Record<string, string>;
  expect(Object.keys(urls).sort()).toEqual(['a café.txt', 'page.html']);
  const link = urls['a café.txt'] ?? '';
  expect(link.startsWith(`${server.origin}/api/v1/links/`)).toBe(true);
  const head = await fetch(link, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '5']);
  const redirect = await fetch(link, { redirect: 'manual' });
  expect([redirect.status, await redirect.text()]).toEqual([
    307,
    expect.stringContaining('curl does with -L'),
  ]);
  expect(new URL(redirect.headers.get('location') ?? '').searchParams.get('X-Amz-Expires')).toBe('300');
  const text = await fetch(link);
  expect(new URL(text.url).origin).toBe(store.endpoint);
  expect(await text.text()).toBe('HELLO');
  expect(text.headers.get('content-type')).toBe('text/plain');
  expect(text.headers.get('content-disposition')).toBe(
    `attachment; filename="a caf_.txt"; filename*=UTF-8''a%20caf%C3%A9.txt`,
  );
  const page = await fetch(urls['page.html'] ?? '');
  expect(page.headers.get('content-type')).toBe('text/html');
  expect(page.headers.get('content-disposition')).toMatch(/^attachment; filename="page\.html"/);
});

it('a run whose file was never uploaded is refused', async () => {
  const wanted = { file_name: 'in.txt', file_size: 5, content_type: 'text/plain' };
  const { body } = await server.call('POST', '/r/files/presign', wanted);
  const run = await server.call('POST', '/r/workflows/slug/shout/run', {
    parameters: { file: body.file_key },
  });
  expect(run.status).toBe(400);
  expect(run.body.error_message).toContain('must be the file_key of a finished upload');
});

it('a silent store is answered with 503 and a sentence within 8 seconds, and works again afterwards', async () => {
  const parameters = { file: await uploaded() };
  store.signal('SIGSTOP');
  const startedAt = performance.now();
  const run = await server.call('POST', '/r/workflows/slug/shout/run', { parameters });
  const tookMs = performance.now() - startedAt;
  store.signal('SIGCONT');
  expect(run.status).toBe(503);
  expect(run.body.error_message).toBe(
    'The file store of this runtime cannot be reached. Try again in a few seconds.',
  );
  expect(tookMs).toBeLessThan(8000);
  expect((await server.call('POST', '/r/workflows/slug/shout/run', { parameters })).status).toBe(202);
});
