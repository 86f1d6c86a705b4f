import { chmod, lstat, mkdtemp, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';

import { writeWhole } from '../database/index.js';

/** The system takes no longer path for a socket (108 bytes on Linux, 104 on macOS, an end mark included). */
const LIMIT_BYTES = 100;
const NAME = 'admin.sock';
const FOLDER_PREFIX = 'cyberun-';

const usualPath = (dataDir: string): string => join(resolve(dataDir), NAME);
/** Says where the socket is when the folder's own path is too long for one. */
const notePath = (dataDir: string): string => join(resolve(dataDir), 'admin.sock.path');

/** Where a new server's socket goes; what an earlier one left behind is gone. */
export async function makeSocketPath(dataDir: string): Promise<string> {
  await removeSocketPath(dataDir);
  const usual = usualPath(dataDir);
  if (Buffer.byteLength(usual) <= LIMIT_BYTES) return usual;
  const folder = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  await chmod(folder, 0o700);
  const path = join(folder, NAME);
  await writeWhole(notePath(dataDir), path);
  return path;
}

/** Where a running server's socket is. */
export async function findSocketPath(dataDir: string): Promise<string> {
  const noted = await readFile(notePath(dataDir), 'utf8').catch(() => '');
  return (await isOurs(noted, dataDir)) ? noted : usualPath(dataDir);
}

/** Removes the socket, and what says where it is. */
export async function removeSocketPath(dataDir: string): Promise<void> {
  const path = await findSocketPath(dataDir);
  await rm(path, { force: true });
  if (path === usualPath(dataDir)) return;
  await rmdir(dirname(path)).catch(() => undefined);
  await rm(notePath(dataDir), { force: true });
}

/** The folder for temporary files is open to all: another user may stand where our folder was before a restart. */
async function isOurs(path: string, dataDir: string): Promise<boolean> {
  const folder = dirname(path);
  if (!isAbsolute(path) || basename(path) !== NAME || !basename(folder).startsWith(FOLDER_PREFIX))
    return false;
  try {
    const [facts, { uid }] = await Promise.all([lstat(folder), stat(resolve(dataDir))]);
    return (
      facts.isDirectory() && facts.uid === uid && (process.platform === 'win32' || (facts.mode & 0o077) === 0)
    );
  } catch {
    return false;
  }
}
