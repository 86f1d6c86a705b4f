import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
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

it('a note of where the socket is counts only when that is a private folder of the same user', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cyberun-socket-'));
  const usual = join(root, 'admin.sock');
  const elsewhere = await mkdtemp(join(tmpdir(), 'cyberun-'));
  const note = (text: string) => writeFile(join(root, 'admin.sock.path'), text);
  for (const text of [
    '',
    '/',
    'admin.sock',
    '/nowhere/admin.sock',
    join(elsewhere, 'other'),
    '/usr/admin.sock',
  ]) {
    await note(text);
    expect(await findSocketPath(root)).toBe(usual);
  }
  await note(join(elsewhere, 'admin.sock'));
  expect(await findSocketPath(root)).toBe(join(elsewhere, 'admin.sock'));
  await chmod(elsewhere, 0o755);
  expect(await findSocketPath(root)).toBe(usual);
  await removeSocketPath(root);
  expect((await stat(elsewhere)).isDirectory()).toBe(true);
  await Promise.all([rm(root, { recursive: true }), rm(elsewhere, { recursive: true })]);
});
