import { access, chmod, constants, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { StartError } from '../../config/index.js';

/** Entries of the runtime in the data folder; other entries, such as those of a volume, are ignored. */
const OURS =
  /^(database|database-draft|files|files-secret|agent|lock|lock-holder\.json|admin\.sock|admin\.sock\.path)$/;
const USABLE = constants.R_OK | constants.W_OK;

/**
 * Creates the data folder if it does not exist, and checks that only this user can use it. Returns its absolute path.
 *
 * @throws {StartError} that names the setting, the folder and the problem.
 */
export async function prepareDataDir(dataDir: string): Promise<string> {
  const folder = resolve(dataDir);
  try {
    await makeFolder(folder);
    await access(folder, USABLE | constants.X_OK);
  } catch (error) {
    throw unusable(folder, error as NodeJS.ErrnoException);
  }
  const problem = (await closeToOthers(folder, (name) => OURS.test(name))) ?? (await foreignIn(folder));
  if (problem !== undefined) throw notPrivate(folder, problem);
  return folder;
}

/** What a start would find of a data folder. */
interface DataDirFacts {
  /** Absolute. */
  readonly folder: string;
  /** The folder itself, or the nearest above it that exists. */
  readonly nearest: string;
  /** Other users may open it now; a start closes it to them. */
  readonly isOpen: boolean;
}

/**
 * Looks at a data folder as {@link prepareDataDir} does, and changes nothing.
 *
 * @throws {StartError} when a start could not use it.
 */
export async function inspectDataDir(dataDir: string): Promise<DataDirFacts> {
  const folder = resolve(dataDir);
  let nearest = folder;
  try {
    nearest = await nearestFolder(folder);
    await access(nearest, USABLE | constants.X_OK);
  } catch (error) {
    throw unusable(folder, error as NodeJS.ErrnoException);
  }
  if (nearest !== folder) return { folder, nearest, isOpen: false };
  const { problem, isOpen } = await accessOfOthers(folder, (name) => OURS.test(name));
  const trouble = problem ?? (await foreignIn(folder));
  if (trouble !== undefined) throw notPrivate(folder, trouble);
  return { folder, nearest, isOpen };
}

async function nearestFolder(path: string): Promise<string> {
  try {
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    return nearestFolder(dirname(path));
  }
  throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR', path });
}

/** The first entry that another user created, perhaps while the folder was open; throws for one that cannot be read. */
async function foreignIn(folder: string): Promise<string | undefined> {
  for (const name of (await readdir(folder)).filter((entry) => OURS.test(entry))) {
    const path = join(folder, name);
    const problem = await madeByOther(path);
    if (problem !== undefined) return problem;
    await access(path, USABLE).catch((error: NodeJS.ErrnoException) => {
      // Another process has just ended and removed its socket.
      if (error.code !== 'ENOENT') throw unusable(folder, error);
    });
  }
  return undefined;
}

/**
 * Whether the folder contains the data of a runtime; creates nothing.
 *
 * @throws {StartError} when this user has no access.
 */
export async function isDataDir(dataDir: string): Promise<boolean> {
  const folder = resolve(dataDir);
  try {
    await access(join(folder, 'database'));
    return true;
  } catch (error) {
    const failure = error as NodeJS.ErrnoException;
    if (failure.code === 'ENOENT') return false;
    throw unusable(folder, failure);
  }
}

/** Level by level: `recursive` of Node does not terminate on file systems that refuse new names (/proc). */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The parent may not be writable, but the folder may exist.
    if ((await stat(folder).catch(() => undefined))?.isDirectory()) return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder, { mode: 0o700 }).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== 'EEXIST') throw again;
    });
  }
}

function unusable(folder: string, { code, path = folder, message }: NodeJS.ErrnoException): StartError {
  return new StartError(
    `CYBERUN_DATA_DIR is "${folder}", but ${reasonOf(code, path) ?? message}. Name a folder this user may write to. Example: .cyberun`,
  );
}

function notPrivate(folder: string, problem: string): StartError {
  return new StartError(
    `CYBERUN_DATA_DIR is "${folder}", but ${problem}. Give the folder to this user (chown -R), or name one that is not there yet; on a volume of another user, one inside it. Example: ${join(folder, 'cyberun')}`,
  );
}

function reasonOf(code: string | undefined, path: string): string | undefined {
  if (code === 'EACCES' || code === 'EPERM') return `${path} is closed to this user`;
  if (code === 'EEXIST' || code === 'ENOTDIR') return `${path} is not a folder, or leads through a file`;
  if (code === 'EROFS') return `${path} can only be read`;
  if (code === 'ENOENT') return `${path} cannot be made there`;
  return undefined;
}

/** Permission bits of the group and of other users. */
const OF_OTHERS = 0o077;

/**
 * Checks that a folder belongs to this user, and removes the permissions of other users.
 *
 * @param isOurs whether the runtime created an entry; a folder that has only other entries is not changed.
 * @returns the problem as a part of a sentence; `undefined` when there is none.
 */
async function closeToOthers(folder: string, isOurs: (name: string) => boolean): Promise<string | undefined> {
  const { problem, isOpen } = await accessOfOthers(folder, isOurs);
  if (problem !== undefined || !isOpen) return problem;
  const refused = await chmod(folder, 0o700).catch((error: Error) => error.message);
  if (((await stat(folder)).mode & OF_OTHERS) === 0) return undefined;
  return `other users can open ${folder}, and its file system does not let that be changed${refused === undefined ? '' : ` (${refused})`}`;
}

/** Whether other users may open a folder, and the problem when that must not be changed here. */
async function accessOfOthers(
  folder: string,
  isOurs: (name: string) => boolean,
): Promise<{ readonly problem?: string; readonly isOpen: boolean }> {
  const uid = process.geteuid?.();
  // Windows has no such permissions: the parent folders of a user protect the folder.
  if (uid === undefined) return { isOpen: false };
  const before = await stat(folder);
  const isOpen = (before.mode & OF_OTHERS) !== 0;
  if (before.uid !== uid) return { problem: belongingTo(folder, before.uid, uid), isOpen };
  if (!isOpen) return { isOpen };
  const names = (await readdir(folder)).filter((name) => name !== 'lost+found');
  if (names.length === 0 || names.some(isOurs)) return { isOpen };
  const problem = `other users can open ${folder}, which holds other files too, so it is not closed to them (chmod 700 would)`;
  return { problem, isOpen };
}

/** The problem when another user created a file, perhaps while the folder was open. */
async function madeByOther(path: string): Promise<string | undefined> {
  const uid = process.geteuid?.();
  const facts = await lstat(path).catch(() => undefined);
  if (uid === undefined || facts === undefined || facts.uid === uid) return undefined;
  return belongingTo(path, facts.uid, uid);
}

const belongingTo = (path: string, owner: number, uid: number): string =>
  `${path} belongs to user ${owner} and this process runs as user ${uid}, so that user could read every key and file`;
