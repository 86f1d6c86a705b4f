import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { z } from 'zod';

import { StartError } from '../../config/index.js';
import { writeAtomically } from './atomic-write.js';

/** The data folder is in use. The message is for the operator. */
export class DataDirLockedError extends StartError {
  override readonly name = 'DataDirLockedError';
}

const WATCH_MS = 2000;
/** When two processes request the lock at the same time, SQLite may refuse both; it retries for this long. */
const RETRY_MS = 1000;
/** Result codes of SQLite; the lower byte of an extended code is its kind. */
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

const holderNote = z.object({ pid: z.number().int(), host: z.string() });
type Holder = z.infer<typeof holderNote>;

/**
 * Exclusive use of a data folder: a kernel lock on the file `lock`, held until this process ends or closes the file. A
 * stopped or busy process keeps it, a killed process loses it at once, and it works between containers that share the
 * volume on the same kernel. Node can take such a lock only through SQLite. No other code in this process may open the
 * file: closing it would release the lock.
 */
export class DataDirLock {
  private watching: NodeJS.Timeout | undefined;

  private constructor(
    private readonly folder: string,
    private readonly database: DatabaseSync,
    private readonly inode: bigint,
  ) {}

  /** @throws {DataDirLockedError} when a running process uses the folder. */
  static async acquire(folder: string): Promise<DataDirLock> {
    const database = await lockedFile(folder);
    try {
      const { ino } = await stat(lockPath(folder), { bigint: true });
      const holder: Holder = { pid: process.pid, host: hostname() };
      await writeAtomically(holderPath(folder), JSON.stringify(holder));
      return new DataDirLock(folder, database, ino);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** Calls `lost` once when the file is deleted or replaced: another process could then lock the new file. */
  watch(lost: () => void, everyMs = WATCH_MS): void {
    this.watching = setInterval(() => void this.check(lost), everyMs);
    this.watching.unref();
  }

  /** Releases the folder. */
  async release(): Promise<void> {
    clearInterval(this.watching);
    await rm(holderPath(this.folder), { force: true });
    if (this.database.isOpen) this.database.close();
  }

  private async check(lost: () => void): Promise<void> {
    const isOurs = await stat(lockPath(this.folder), { bigint: true }).then(
      ({ ino }) => ino === this.inode,
      ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
    );
    // Released during the check, or found by an earlier one: on a slow disk two are under way at once.
    if (isOurs || !this.database.isOpen || !this.watching) return;
    clearInterval(this.watching);
    this.watching = undefined;
    lost();
  }
}

const lockPath = (folder: string): string => join(folder, 'lock');
const holderPath = (folder: string): string => join(folder, 'lock-holder.json');

/**
 * The process that uses a folder, as a part of a sentence; `undefined` when none does. The lock is not taken, and nothing is
 * written.
 *
 * @throws {StartError} when the lock cannot be read.
 */
export async function lockHolder(folder: string): Promise<string | undefined> {
  const path = lockPath(folder);
  if (!existsSync(path)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    const { DatabaseSync } = sqlite();
    database = new DatabaseSync(path, { readOnly: true });
    database.prepare('SELECT 1 FROM sqlite_master').get();
    return undefined;
  } catch (error) {
    const failure = error as Error & { errcode?: number };
    if (kindOf(failure) === SQLITE_BUSY) return holderText(folder);
    throw await lockError(folder, failure);
  } finally {
    database?.close();
  }
}

/** Opens and locks the file; nothing is written to it. */
async function lockedFile(folder: string): Promise<DatabaseSync> {
  const { DatabaseSync } = sqlite();
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(lockPath(folder));
    // Keeps SQLite from creating a journal file beside it.
    database.exec(`PRAGMA busy_timeout=${RETRY_MS}; PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE`);
    return database;
  } catch (error) {
    database?.close();
    throw await lockError(folder, error as Error & { errcode?: number });
  }
}

/** Suppresses the warning of Node 22 that SQLite is experimental, which an operator cannot act on. */
function sqlite(): typeof import('node:sqlite') {
  const warn = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    const module = process.getBuiltinModule('node:sqlite') as typeof import('node:sqlite') | undefined;
    if (module) return module;
  } finally {
    process.emitWarning = warn;
  }
  throw new StartError(
    'This Node was built without SQLite, which locks the data folder. Install Node from nodejs.org.',
  );
}

async function lockError(folder: string, error: Error & { errcode?: number }): Promise<StartError> {
  const path = lockPath(folder);
  const kind = kindOf(error);
  if (kind === SQLITE_BUSY) {
    return new DataDirLockedError(
      `The data folder ${folder} is in use by ${await holderText(folder)}: stop that one, or set CYBERUN_DATA_DIR to another folder.`,
    );
  }
  if (kind === SQLITE_NOTADB) {
    return new StartError(
      `The lock ${path} is damaged. Make sure that no server uses the folder, delete the file, and start again.`,
    );
  }
  return new StartError(
    `The lock ${path} cannot be taken (${error.message}). Check that it is a file of this user, and that the folder is on a disk with free space and file locks; else set CYBERUN_DATA_DIR to another folder.`,
  );
}

/** The lower byte of a result code of SQLite. */
const kindOf = ({ errcode = 0 }: { readonly errcode?: number }): number => errcode & 0xff;

async function holderText(folder: string): Promise<string> {
  const holder = await holderOf(folder);
  return holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
}

/** The process that uses the folder, from the note beside the lock; only the lock itself is authoritative. */
async function holderOf(folder: string): Promise<Holder | undefined> {
  try {
    return holderNote.parse(JSON.parse(await readFile(holderPath(folder), 'utf8')));
  } catch {
    return undefined;
  }
}
