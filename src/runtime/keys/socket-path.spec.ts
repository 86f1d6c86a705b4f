import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { expect, it } from 'vitest';

import { findSocketPath, makeSocketPath, removeSocketPath } from './socket-path.js';

it('a folder with a long path gets its socket in a short, private one, found and removed again', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cyberun-socket-'));
  expect(await makeSocketPath(root)).toBe(join(root, 'admin.sock'));

  const deep = join(root, 'd'.repeat(80), 'e'.repeat(80));
  await mkdir(deep, { recursive: true });
  const path = await makeSocketPath(deep);
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
  expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
  expect(await findSocketPath(deep)).toBe(path);
  await removeSocketPath(deep);
  await expect(stat(dirname(path))).rejects.toThrow('ENOENT');
  expect(await findSocketPath(deep)).toBe(join(deep, 'admin.sock'));
  await rm(root, { recursive: true });
});
