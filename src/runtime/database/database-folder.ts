import { access, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { PGlite } from '@electric-sql/pglite';

import { errorText, StartError } from '../../config/index.js';
import { syncFolder } from './atomic-write.js';

/**
 * The default of 128 MB of buffers uses 140 MB of memory without a gain at this size. Prepared statements are planned at
 * each use: a plan that was made while the tables were small would be kept after they have grown.
 */
const TUNING = ['-c', 'shared_buffers=8MB', '-c', 'enable_seqscan=off'];

/** Files of every database. Where the first is missing, PGlite would create an empty database over the rest. */
const ESSENTIALS = ['PG_VERSION', 'base', 'global', join('global', 'pg_control'), 'pg_wal', 'pg_xact'];

/**
 * Opens the database of a data folder that this process has locked; creates one only in an empty folder.
 *
 * @throws {StartError} when it is damaged or incomplete.
 */
export async function openDatabaseFolder(dataDir: string): Promise<PGlite> {
  const folder = join(dataDir, 'database');
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw damaged(folder, error.message);
  });
  if (names === undefined || names.length === 0) await makeDatabase(dataDir, folder);
  else await checkWhole(folder);
  return open(folder);
}

/** Under another name until it is complete, so that an interrupted first start leaves no partial database. */
async function makeDatabase(dataDir: string, folder: string): Promise<void> {
  const draft = join(dataDir, 'database-draft');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await (await open(draft)).close();
  await rmdir(folder).catch(() => undefined);
  await rename(draft, folder);
  await syncFolder(dataDir);
}

/** @throws {StartError} when a file is missing that every database has. */
export async function checkWhole(folder: string): Promise<void> {
  for (const name of ESSENTIALS) {
    await access(join(folder, name)).catch(() => {
      throw damaged(folder, `${name} is missing`);
    });
  }
}

async function open(folder: string): Promise<PGlite> {
  const { PGlite } = await import('@electric-sql/pglite');
  try {
    return await PGlite.create({
      dataDir: folder,
      startParams: [...PGlite.defaultStartParams, ...TUNING],
    });
  } catch (error) {
    throw damaged(folder, errorText(error), error);
  }
}

/** The error for a database that cannot be opened; PGlite does not report whether the disk is full. */
export function damaged(folder: string, reason: string, cause?: unknown): StartError {
  return new StartError(
    `The database ${folder} cannot be opened (${reason.replace(/\.$/, '')}). If the disk is full, free some space; otherwise put the folder back from a backup, or move it away to begin with an empty one.`,
    { cause },
  );
}
