import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';

import { create } from 'tar';
import { beforeEach, expect, it, onTestFinished } from 'vitest';

import { Bundles } from './bundles.js';

let workDir: string;
let bundles: Bundles;
let session: ClientHttp2Session;

beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), 'bundles-'));
  bundles = new Bundles(workDir);
  const server = createServer();
  server.on('stream', (stream, headers) => void bundles.answer(stream, headers));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return async () => {
    session.close();
    server.close();
    await rm(workDir, { recursive: true, force: true });
  };
});

async function ask(method: string, path: string, body?: Buffer): Promise<{ status: unknown; said: string }> {
  const stream = session.request({ ':method': method, ':path': path });
  stream.end(body);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { status: headers[':status'], said: await text(stream) };
}

/** An archive of one file, and its hash. */
async function archiveOf(content: string): Promise<{ archive: Buffer; hash: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'packed-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'file.txt'), content);
  const archive = await buffer(create({ cwd: folder, portable: true }, ['file.txt']));
  return { archive, hash: createHash('sha256').update(archive).digest('hex') };
}

it('an agent receives a bundle once and gives it to runs as read-only files', async () => {
  const { archive, hash } = await archiveOf('hello');
  expect((await ask('HEAD', `/bundles/${hash}`)).status).toBe(404);
  await expect(bundles.use({ hash, size: archive.length })).rejects.toThrow('not on this agent');
  expect((await ask('PUT', `/bundles/${hash}`, archive)).status).toBe(204);
  expect((await ask('HEAD', `/bundles/${hash}`)).status).toBe(204);
  using bundle = await bundles.use({ hash, size: archive.length });
  expect(await readFile(join(bundle.path, 'file.txt'), 'utf8')).toBe('hello');
  expect((await stat(join(bundle.path, 'file.txt'))).mode & 0o777).toBe(0o444);
});

it.each([
  ['is not the one announced', (archive: Buffer) => Buffer.concat([archive, Buffer.alloc(512)])],
  ['is cut', (archive: Buffer) => archive.subarray(0, 600)],
])('a bundle that %s is refused and leaves nothing', async (_what, altered) => {
  const { archive, hash } = await archiveOf('hello');
  const { status, said } = await ask('PUT', `/bundles/${hash}`, altered(archive));
  expect(status).toBe(422);
  expect(said).not.toBe('');
  expect(await readdir(workDir)).toEqual([]);
});

it.each(['/bundles/../../etc', '/bundles/abc', '/bundles/'])(
  'the path %s is not that of a bundle',
  async (path) => {
    expect((await ask('PUT', path, Buffer.from('x'))).status).toBe(404);
  },
);

it('the most recently used bundles are kept, and all that are in use', async () => {
  const first = await archiveOf('first');
  await ask('PUT', `/bundles/${first.hash}`, first.archive);
  using used = await bundles.use({ hash: first.hash, size: first.archive.length });
  for (let n = 0; n < 25; n += 1) {
    const { archive, hash } = await archiveOf(`bundle ${n}`);
    expect((await ask('PUT', `/bundles/${hash}`, archive)).status).toBe(204);
  }
  expect(await readdir(join(workDir, 'bundles'))).toHaveLength(21);
  await access(join(used.path, 'file.txt'));
});
