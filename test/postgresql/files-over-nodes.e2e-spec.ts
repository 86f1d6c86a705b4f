import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as send, type Server } from 'node:http';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { ownAccount } from '../../src/runtime/files/files-secret.js';
import { inputKey } from '../../src/runtime/files/file-key.js';
import { LinkSigner } from '../../src/runtime/files/link-signer.js';
import { FORWARDED_ORIGIN } from '../../src/runtime/nodes/index.js';
import { keysOf, shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { presign as presignInParts, read, SMALL_PART } from '../support/multipart-promises.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';
import { PartsUpload, sha256 } from '../support/upload-in-parts.js';

/** Above what connections buffer. */
const SIZE = 8 * 1024 * 1024;
const resources = new AsyncDisposableStack();
let one: RuntimeServer;
let other: RuntimeServer;
/** The node to which the load balancer of the public address sends requests. */
let target: RuntimeServer;

function balancer(): Server {
  return createServer((request, response) => {
    const { method, headers, url = '' } = request;
    const onward = send(target.origin + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
}

beforeAll(async () => {
  const postgresql = resources.use(await PostgresqlServer.start());
  const front = resources.adopt(balancer().listen(0, '127.0.0.1'), (server) => void server.close());
  await once(front, 'listening');
  const files = {
    'leave.yaml': shellWorkflow('leave', 'echo left > output/a.txt'),
    'read.yaml': echoWorkflow('read', {
      properties: '        input: { type: string, format: file, contentMediaType: text/plain }',
    }).replace('echo "$1"', 'cat input/*'),
  };
  const env = {
    CYBERUN_DATABASE_URL: await postgresql.newDatabase(),
    CYBERUN_HTTP_PUBLIC_URL: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
  };
  // Kept from the time when each node had a database of its own.
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-runtime-'));
  await mkdir(join(folder, 'data'), { mode: 0o700 });
  await ownAccount(join(folder, 'data'));
  const limits = { partBytes: SMALL_PART };
  one = resources.use(await RuntimeServer.start(files, { env, limits }));
  other = resources.use(await RuntimeServer.start(files, { env, limits, folder }));
  target = one;
});
afterAll(() => resources.disposeAsync());

const presign = async (node: RuntimeServer, file_size: number) => {
  const wanted = { file_name: 'a.txt', file_size, content_type: 'text/plain' };
  const { status, body } = await node.call('POST', '/r/files/presign', wanted);
  expect(status).toBe(200);
  return body as { file_key: string; upload_url: string };
};

const put = (url: string, body: Buffer | string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'PUT', headers: { 'If-None-Match': '*', ...headers }, body });

const downloadUrls = async (node: RuntimeServer, taskId: string): Promise<Record<string, string>> => {
  await until(async () => (await node.get(`/r/tasks/${taskId}`)).body.task_status === 'completed');
  return (await node.get(`/r/tasks/${taskId}/result`)).body.download_urls as Record<string, string>;
};

it('an upload that arrives at another node is stored once, by the node that made the link', async () => {
  target = other;
  const bytes = randomBytes(SIZE);
  const { upload_url } = await presign(one, SIZE);
  expect((await put(upload_url, bytes)).status).toBe(200);
  expect((await put(upload_url, bytes)).status).toBe(412);
  target = one;
  expect((await put(upload_url, bytes)).status).toBe(412);
});

it('an upload at another node is refused when it is not as signed, and leaves nothing', async () => {
  target = other;
  const { upload_url, file_key } = await presign(one, 5);
  expect((await put(upload_url, 'hello you')).status).toBe(403);
  expect((await put(upload_url.replace('a.txt', 'b.txt'), 'hello')).status).toBe(403);
  const elsewhere = { [FORWARDED_ORIGIN]: 'http://other.example.com' };
  expect((await put(upload_url.replace('a.txt', 'b.txt'), 'hello', elsewhere)).status).toBe(403);
  const run = await one.call('POST', '/r/workflows/slug/read/run', {
    parameters: { text: 'x', input: file_key },
  });
  expect(run.status).toBe(400);
});

it('a file uploaded to one node is the input of a run that another node takes and runs', async () => {
  target = other;
  const { upload_url, file_key } = await presign(one, 5);
  expect((await put(upload_url, 'hello')).status).toBe(200);
  // With a stored key, its links lead to the public address.
  const { raw_key } = await keysOf(other).create({ kind: 'agent', display_name: 'remote' });
  await using _agent = await TestAgent.start(other, { key: raw_key });
  const id = await other.submit('read', { text: 'x', input: file_key });
  const events = await one.events(id);
  expect(events.at(-1)?.data['status']).toBe('completed');
});

it('an output is read through every node, as a whole, in part and by HEAD', async () => {
  target = one;
  const { raw_key } = await keysOf(other).create({ kind: 'agent', display_name: 'remote' });
  await using _agent = await TestAgent.start(other, { key: raw_key });
  const id = await one.submit('leave', {});
  for (const node of [one, other]) {
    const { 'a.txt': url = '' } = await downloadUrls(node, id);
    for (target of [one, other]) {
      const answer = await fetch(url);
      expect(answer.headers.get('content-type')).toBe('text/plain');
      expect(await answer.text()).toBe('left\n');
      const part = await fetch(url, { headers: { Range: 'bytes=1-2' } });
      expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
        206,
        'bytes 1-2/5',
        'ef',
      ]);
    }
  }
});

it('a large file comes through another node unchanged', async () => {
  const bytes = randomBytes(SIZE);
  const { file_key, upload_url } = await presign(one, SIZE);
  target = one;
  await put(upload_url, bytes);
  target = other;
  const origin = new URL(upload_url).origin;
  const account = await ownAccount(join(one.folder, 'data'));
  const url = await new LinkSigner(account).download(`${origin}/api/v1/files`, file_key);
  const answer = await fetch(url);
  expect(sha256(await answer.bytes())).toBe(sha256(bytes));
});

it('an upload in parts through another node is kept by the node that made its link', async () => {
  const presigned = await presignInParts(one, 2 * SMALL_PART + 1);
  const { file_key } = presigned;
  target = other;
  const upload = await PartsUpload.begin(presigned);
  const bytes = randomBytes(2 * SMALL_PART + 1);
  await upload.putAll(bytes);
  expect((await upload.complete({ parts: [] })).status).toBe(400);
  expect(await (await upload.complete()).json()).toEqual({ file_key });
  expect(sha256(await read(other, file_key))).toBe(sha256(bytes));
  expect((await upload.complete()).status).toBe(200);
  expect((await upload.abort()).status).toBe(204);
});

it('a link that a node signed before it shared a database stays valid at this node', async () => {
  const account = await ownAccount(join(other.folder, 'data'));
  const key = inputKey('01a203c5-33ab-7000-bc61-2d0781f6a0ce', 'old.txt', 'text/plain');
  await mkdir(join(other.folder, 'data/files', key, '..'), { recursive: true });
  await writeFile(join(other.folder, 'data/files', key), 'old');
  const signer = new LinkSigner(account);
  const url = await signer.download(`${other.origin}/api/v1/files`, key);
  expect(await (await fetch(url)).text()).toBe('old');
  target = one;
  expect((await fetch(url.replace(other.origin, one.origin))).status).toBe(403);
});

it('a request that another node has forwarded is not forwarded again', async () => {
  const { upload_url } = await presign(one, 5);
  const { origin, pathname, search } = new URL(upload_url);
  const answer = await put(other.origin + pathname + search, 'hello', { [FORWARDED_ORIGIN]: origin });
  expect(answer.status).toBe(503);
});

it('a file of a node that is away is answered with 503 and the way to have files at every node', async () => {
  const { upload_url } = await presign(other, 5);
  await other.stop();
  target = one;
  const refused = await put(upload_url, 'hello');
  expect([refused.status, await refused.text()]).toEqual([
    503,
    expect.stringMatching(/cannot be reached.*object store \(CYBERUN_S3_ENDPOINT\)/),
  ]);
  expect((await put((await presign(one, 5)).upload_url, 'hello')).status).toBe(200);
});
