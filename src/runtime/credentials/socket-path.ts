import { chmod, lstat, mkdtemp, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';

import { writeAtomically } from '../database/index.js';

/** Longest path of a socket (108 bytes on Linux, 104 on macOS, with the terminating zero). */
const LIMIT_BYTES = 100;
const NAME = 'admin.sock';
const FOLDER_PREFIX = 'cyberun-';

const usualPath = (dataDir: string): string => join(resolve(dataDir), NAME);
/** Contains the path of the socket when that of the folder is too long. */
const notePath = (dataDir: string): string => join(resolve(dataDir), 'admin.sock.path');

/** Path for the socket of a new server; removes a stale socket. */
export async function makeSocketPath(dataDir: string): Promise<string> {
  await removeSocketPath(dataDir);
  const usual = usualPath(dataDir);
  if (Buffer.byteLength(usual) <= LIMIT_BYTES) return usual;
  const folder = await mkdtemp(join(tmpdir(), FOLDER_PREFIX));
  await chmod(folder, 0o700);
  const path = join(folder, NAME);
  await writeAtomically(notePath(dataDir), path);
  return path;
}

/** Path of a running server's socket. */
export async function findSocketPath(dataDir: string): Promise<string> {
  const noted = await readFile(notePath(dataDir), 'utf8').catch(() => '');
  return (await isOurs(noted, dataDir)) ? noted : usualPath(dataDir);
}

/** Removes the socket and the note of its path. */
export async function removeSocketPath(dataDir: string): Promise<void> {
  const path = await findSocketPath(dataDir);
  await rm(path, { force: true });
  if (path === usualPath(dataDir)) return;
  await rmdir(dirname(path)).catch(() => undefined);
  await rm(notePath(dataDir), { force: true });
}

/** Any user may write to the folder for temporary files, and could have replaced ours after a restart. */
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
