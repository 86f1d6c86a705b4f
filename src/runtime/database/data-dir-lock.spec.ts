import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { DataDirLock, DataDirLockedError } from './data-dir-lock.js';
import { ownIdentity, type ProcessIdentity } from './process-identity.js';

const TIMING = { beat: 40, expiry: 400 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-lock-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const locks = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('lock'));

async function leave(holder: Partial<ProcessIdentity>, ageMs = 0): Promise<string> {
  const path = join(folder, 'lock.7');
  await writeFile(
    path,
    JSON.stringify({ holder: { ...(await ownIdentity()), ...holder }, isReleased: false }),
  );
  const touched = new Date(Date.now() - ageMs);
  await utimes(path, touched, touched);
  return path;
}

describe('the lock of a data folder', () => {
  it('is had by one, says by whom, and is free again afterwards', async () => {
    const first = await DataDirLock.acquire(folder, TIMING);
    await expect(DataDirLock.acquire(folder, TIMING)).rejects.toThrow(DataDirLockedError);
    await expect(DataDirLock.acquire(folder, TIMING)).rejects.toThrow(
      `${folder} is in use by process ${process.pid} on ${hostname()}`,
    );
    await first.release();
    const second = await DataDirLock.acquire(folder, TIMING);
    await second.release();
    expect(await locks()).toHaveLength(1);
  });

  it.each([
    ['own number with another start time: process 1 of a container that was killed', { start: '1' }],
    ['number nobody has', { pid: 4_194_305 }],
  ])('is taken over from a dead process: %s', async (_what, holder) => {
    await leave(holder);
    await DataDirLock.acquire(folder, TIMING);
    expect(await locks()).toEqual(['lock.8']);
  });

  it.each([
    ['another host', { host: 'elsewhere' }],
    ['this host before it was restarted, or one of the same name', { boot: 'another' }],
  ])('of %s is taken over once its heartbeat has expired, however fresh', async (_what, holder) => {
    await leave(holder);
    const before = Date.now();
    await DataDirLock.acquire(folder, TIMING);
    expect(Date.now() - before).toBeGreaterThanOrEqual(TIMING.expiry - 50);
  });

  it.each([
    ['another host', { host: 'elsewhere' }],
    ['another container of this host', { namespace: 'pid:[1]', start: '1' }],
  ])('of %s is left alone while its heart beats', async (_what, holder) => {
    const path = await leave(holder);
    const beating = setInterval(() => void utimes(path, new Date(), new Date()), 10);
    await expect(DataDirLock.acquire(folder, TIMING)).rejects.toThrow(DataDirLockedError);
    clearInterval(beating);
    await delay(20);
    expect(await locks()).toEqual(['lock.7']);
  });

  it('goes to exactly one of many that find it abandoned at the same time', async () => {
    await leave({ start: '1' });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, () => DataDirLock.acquire(folder, TIMING)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const names = await locks();
    expect(names).toHaveLength(1);
    expect(JSON.parse(await readFile(join(folder, names[0] ?? ''), 'utf8'))).toMatchObject({
      isReleased: false,
    });
  });

  it('shows signs of life, and tells when the folder was taken meanwhile', async () => {
    const lock = await DataDirLock.acquire(folder, TIMING);
    const lost = vi.fn<() => void>();
    lock.keepAlive(lost);
    const path = join(folder, 'lock.1');
    await utimes(path, new Date(0), new Date(0));
    await vi.waitFor(async () => {
      const { mtimeMs } = await stat(path);
      expect(mtimeMs).toBeGreaterThan(Date.now() - 10_000);
    });
    expect(lost).not.toHaveBeenCalled();
    await rm(path);
    await vi.waitFor(() => expect(lost).toHaveBeenCalledOnce());
  });
});
