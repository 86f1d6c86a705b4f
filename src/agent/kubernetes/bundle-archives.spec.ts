import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect, createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { beforeEach, expect, it, vi } from 'vitest';

import { BundleArchives } from './bundle-archives.js';

let folder: string;
let archives: BundleArchives;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-archives-'));
  archives = new BundleArchives(folder);
  return () => rm(folder, { recursive: true, force: true });
});

it('a bundle that the agent does not have any more is not passed on', async () => {
  const request = vi.fn();
  const session = { request } as unknown as ClientHttp2Session;
  const bundle = { hash: '0'.repeat(64), size: 1 };
  expect(await archives.passOn(bundle, session)).toBe(false);
  expect(request).not.toHaveBeenCalled();
});

it('twenty gateways store the same bundle at the same time, and nothing else is left', async () => {
  const server = createServer().on('stream', (stream, headers) => void archives.answer(stream, headers));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const archive = Buffer.alloc(300_000, 'x');
  const hash = createHash('sha256').update(archive).digest('hex');
  const sessions = Array.from({ length: 20 }, () =>
    connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
  );
  const statuses = await Promise.all(
    sessions.map(async (session) => {
      const stream = session.request({ ':method': 'PUT', ':path': `/bundles/${hash}` });
      stream.end(archive);
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
      return headers[':status'];
    }),
  );
  for (const session of sessions) session.close();
  server.close();
  expect(statuses).toEqual(sessions.map(() => 204));
  expect(await readdir(join(folder, 'archives'))).toEqual([hash]);
});

it('what an earlier agent has not stored to its end is removed', async () => {
  await mkdir(join(folder, 'archives'));
  for (const name of ['.incoming-1', 'f'.repeat(64)]) await writeFile(join(folder, 'archives', name), 'half');
  await archives.removeIncoming();
  expect(await readdir(join(folder, 'archives'))).toEqual(['f'.repeat(64)]);
});
