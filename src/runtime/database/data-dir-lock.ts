import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { StartError } from '../../config/index.js';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.js';

/** The data folder is in use. The message is one sentence for the operator. */
export class DataDirLockedError extends StartError {
  override readonly name = 'DataDirLockedError';
}

/** How a lock shows that its holder lives, and for how long silence is believed. In milliseconds. */
export interface LockTiming {
  readonly beat: number;
  /** Silence after which the lock of another machine counts as abandoned. */
  readonly expiry: number;
}

const USUAL: LockTiming = { beat: 2000, expiry: 20_000 };
const LOCK_FILE = /^lock\.(\d+)$/;

interface LockRecord {
  readonly holder: ProcessIdentity;
  readonly isReleased: boolean;
}

/** What lies in the folder: the newest lock, who wrote it and when it was last touched. */
interface FoundLock extends LockRecord {
  readonly generation: number;
  readonly touched: number;
}

/**
 * Exclusive use of a data folder. Locks are numbered files that appear whole (a hard link) and are never taken
 * back: whoever finds the newest one abandoned or released writes the next number, which only one can do. So two
 * processes that see the same abandoned lock cannot both get the folder.
 */
export class DataDirLock {
  private beating: NodeJS.Timeout | undefined;

  private constructor(
    private readonly folder: string,
    private readonly generation: number,
    private readonly timing: LockTiming,
  ) {}

  /** @throws {DataDirLockedError} when a living process has the folder. */
  static async acquire(folder: string, timing: LockTiming = USUAL): Promise<DataDirLock> {
    const holder = await ownIdentity();
    for (;;) {
      const found = await newestLock(folder);
      if (found && !found.isReleased) await waitUntilAbandoned(folder, found, holder, timing);
      const generation = (found?.generation ?? 0) + 1;
      if (await place(folder, generation, { holder, isReleased: false })) {
        await removeOlder(folder, generation);
        return new DataDirLock(folder, generation, timing);
      }
    }
  }

  /** Shows signs of life from now on; `lost` is called if the folder was taken meanwhile (a machine that slept). */
  keepAlive(lost: () => void): void {
    this.beating = setInterval(() => void this.beat(lost), this.timing.beat);
    this.beating.unref();
  }

  /** Gives the folder free. */
  async release(): Promise<void> {
    clearInterval(this.beating);
    const { host, boot, namespace } = await ownIdentity();
    const record: LockRecord = {
      holder: { host, boot, namespace, pid: process.pid, start: '' },
      isReleased: true,
    };
    await place(this.folder, this.generation + 1, record);
    await removeOlder(this.folder, this.generation + 1);
  }

  private async beat(lost: () => void): Promise<void> {
    const now = new Date();
    const isOurs = await utimes(pathOf(this.folder, this.generation), now, now).then(
      () => true,
      (error: unknown) => (error as NodeJS.ErrnoException).code !== 'ENOENT',
    );
    if (isOurs) return;
    clearInterval(this.beating);
    lost();
  }
}

const pathOf = (folder: string, generation: number): string => join(folder, `lock.${generation}`);

async function generationsIn(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names
    .flatMap((name) => LOCK_FILE.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a);
}

async function newestLock(folder: string): Promise<FoundLock | undefined> {
  const [generation] = await generationsIn(folder);
  if (generation === undefined) return undefined;
  const path = pathOf(folder, generation);
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return { ...(JSON.parse(text) as LockRecord), generation, touched: mtimeMs };
  } catch (error) {
    // Replaced by the next number between listing and reading.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return newestLock(folder);
    throw error;
  }
}

/** Makes the lock of this generation appear, complete; `false` when somebody else was first. */
async function place(folder: string, generation: number, record: LockRecord): Promise<boolean> {
  const draft = join(folder, `lock-draft-${randomUUID()}`);
  await writeFile(draft, JSON.stringify(record), { mode: 0o600, flush: true });
  try {
    await link(draft, pathOf(folder, generation));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const [newest] = await generationsIn(folder);
  if (newest === generation) return true;
  await rm(pathOf(folder, generation), { force: true });
  return false;
}

async function removeOlder(folder: string, generation: number): Promise<void> {
  const older = (await generationsIn(folder)).filter((other) => other < generation);
  await Promise.all(older.map((other) => rm(pathOf(folder, other), { force: true })));
}

/** Returns once nobody can be using the folder by this lock. */
async function waitUntilAbandoned(
  folder: string,
  found: FoundLock,
  self: ProcessIdentity,
  { beat, expiry }: LockTiming,
): Promise<void> {
  const { holder, touched, generation } = found;
  const isSameMachine = holder.host === self.host && holder.boot === self.boot;
  if (isSameMachine && holder.namespace === self.namespace) {
    if (await isAlive(holder)) throw lockedBy(folder, holder);
    return;
  }
  // Numbers of another container mean nothing here, so its heartbeat decides; after a restart it has just gone silent.
  const deadline = isSameMachine ? Date.now() + 2 * beat : touched + expiry;
  while (Date.now() < deadline) {
    await delay(Math.min(beat / 4, 500));
    const now = await newestLock(folder);
    if (now?.generation !== generation) return;
    if (now.touched !== touched) throw lockedBy(folder, holder);
  }
}

const lockedBy = (folder: string, { pid, host }: ProcessIdentity): DataDirLockedError =>
  new DataDirLockedError(
    `The data folder ${folder} is in use by process ${pid} on ${host}: stop that one, or set CYBERUN_DATA_DIR to another folder.`,
  );
