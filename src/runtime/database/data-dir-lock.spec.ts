import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { StartError } from '../../config/index.js';
import { DataDirLock, DataDirLockedError } from './data-dir-lock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('the lock belongs to one process, names it to the next, and is free afterwards', async () => {
  const first = await DataDirLock.acquire(folder);
  await expect(DataDirLock.acquire(folder)).rejects.toThrow(DataDirLockedError);
  await expect(DataDirLock.acquire(folder)).rejects.toThrow(
    `${folder} is in use by process ${process.pid} on ${hostname()}`,
  );
  await first.release();
  const second = await DataDirLock.acquire(folder);
  await second.release();
  expect(await readdir(folder)).toEqual(['lock']);
});

it('the lock is refused in one sentence when the note of its holder is missing or damaged', async () => {
  const lock = await DataDirLock.acquire(folder);
  for (const note of ['', '{"pid":"x"}']) {
    await writeFile(join(folder, 'lock-holder.json'), note);
    await expect(DataDirLock.acquire(folder)).rejects.toThrow(`${folder} is in use by another process: `);
  }
  await lock.release();
});

it('the lock is not affected by numbered locks of an older version', async () => {
  await writeFile(join(folder, 'lock.99999999999999999999'), 'x');
  const lock = await DataDirLock.acquire(folder);
  expect(await readdir(folder)).toContain('lock');
  await lock.release();
});

it.each([
  ['other content', (path: string) => writeFile(path, 'x'.repeat(2000)), /is damaged\. .*delete the file/],
  ['a folder', (path: string) => mkdir(path), /cannot be taken \(unable to open database file\)\. Check/],
])('the lock error says what to do when the file is %s', async (_what, damage, sentence) => {
  await damage(join(folder, 'lock'));
  const refused = DataDirLock.acquire(folder);
  await expect(refused).rejects.toThrow(StartError);
  await expect(refused).rejects.toThrow(sentence);
});

it.each([
  ['deleted', (path: string) => rm(path)],
  ['replaced', (path: string) => writeFile(`${path}.new`, '').then(() => rename(`${path}.new`, path))],
])('the holder of the lock is notified when the file is %s', async (_what, lose) => {
  const lock = await DataDirLock.acquire(folder);
  const lost = vi.fn<() => void>();
  lock.watch(lost, 20);
  await lose(join(folder, 'lock'));
  await vi.waitFor(() => expect(lost).toHaveBeenCalledOnce(), 30_000);
  await lock.release();
});
