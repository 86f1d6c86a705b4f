import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import { dirname } from 'node:path';

import { FileProblem } from './file-problem.js';

/** The file of a client as it was found. */
export interface ClientFile {
  /** Behind symbolic links, which stay. */
  readonly path: string;
  /** Absent when there is no file yet. */
  readonly bytes?: Buffer;
  readonly mode: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** New files may hold a key. */
const PRIVATE = 0o600;
const OWNER_WRITES = 0o200;
const OF_OTHERS = 0o077;

/** @throws {FileProblem} for what is not a file that its owner may write. */
export async function readClientFile(path: string): Promise<ClientFile> {
  const link = await lstat(path).catch(absent);
  if (!link) return { path, mode: PRIVATE };
  const target = await realpath(path).catch(absent);
  if (target === undefined)
    throw new FileProblem('it is a symbolic link to a file that does not exist; remove the link');
  const facts = await stat(target);
  if (!facts.isFile()) throw new FileProblem('it is not a file; move it away');
  const { mode, uid, gid } = facts;
  if ((mode & OWNER_WRITES) === 0)
    throw new FileProblem(`it is read-only; allow its owner to write it: chmod u+w ${target}`);
  return { path: target, bytes: await readFile(target), mode: mode & 0o777, owner: { uid, gid } };
}

/** Whether other users of the machine may read it. Windows has no such permissions: the folders of a user protect the file. */
export const isOpenToOthers = ({ mode }: ClientFile): boolean =>
  process.platform !== 'win32' && (mode & OF_OTHERS) !== 0;

/**
 * Writes the whole file or nothing, if it is still as it was found.
 *
 * @returns the topmost folder that was made for it.
 */
export async function writeClientFile(found: ClientFile, bytes: Buffer): Promise<string | undefined> {
  const { path, mode, owner } = found;
  const madeFolder = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    await using file = await open(draft, 'wx', mode);
    await file.writeFile(bytes);
    // Before the mode: a change of the owner may take bits from it.
    await giveTo(file, owner);
    // The mask of the process may have taken something from the mode.
    await file.chmod(mode);
    await file.sync();
    await requireUnchanged(found);
    await rename(draft, path);
    return madeFolder;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes a file that a change has made, if it is still as it was found, and the folders made for it, as far as they are empty. */
export async function removeClientFile(found: ClientFile, madeFolder?: string): Promise<void> {
  await requireUnchanged(found);
  await rm(found.path);
  if (madeFolder === undefined) return;
  for (let folder = dirname(found.path); folder.startsWith(madeFolder); folder = dirname(folder)) {
    const isRemoved = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!isRemoved) return;
  }
}

/** Keeps the file as it was found beside it, for its owner alone; nothing for a new one. */
export async function backUp({ path, bytes, owner }: ClientFile): Promise<string | undefined> {
  if (!bytes) return undefined;
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const backup = `${path}.${time}-${randomUUID().slice(0, 4)}.backup`;
  await using file = await open(backup, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, PRIVATE);
  await file.writeFile(bytes);
  await giveTo(file, owner);
  await file.sync();
  return backup;
}

/** A file that root writes stays its user's. */
async function giveTo(file: FileHandle, owner: ClientFile['owner']): Promise<void> {
  if (!owner) return;
  const { uid } = await file.stat();
  await file.chown(owner.uid, owner.gid).catch((error: unknown) => {
    // Its group may be one that this user is not in.
    if (uid !== owner.uid) throw error;
  });
}

async function requireUnchanged({ path, bytes }: ClientFile): Promise<void> {
  const now = await readFile(path).catch(absent);
  const isSame = bytes === undefined || now === undefined ? bytes === now : bytes.equals(now);
  if (!isSame) throw new FileProblem('another program has changed it meanwhile; run the command again');
}

function absent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT') throw error;
}
