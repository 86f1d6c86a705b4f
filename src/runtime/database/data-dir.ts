import { access, constants, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { StartError } from '../../config/index.js';
import { closeToOthers, madeByOther } from './private-folder.js';

/** What the runtime keeps there. Whatever else lies in the folder (a volume has its own) is not looked at. */
const OURS =
  /^(database|database-draft|files|files-secret|agent|lock|lock-holder\.json|admin\.sock|admin\.sock\.path)$/;
const USABLE = constants.R_OK | constants.W_OK;

/**
 * Makes the data folder unless it is there, and makes sure that this user can use it and no other one can. Returns
 * its whole path.
 *
 * @throws {StartError} naming the setting, the folder and what is wrong with it.
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

/** What of ours another user made, who may have prepared it while the folder was open; also what cannot be read. */
async function foreignIn(folder: string): Promise<string | undefined> {
  for (const name of (await readdir(folder)).filter((entry) => OURS.test(entry))) {
    const path = join(folder, name);
    const problem = await madeByOther(path);
    if (problem !== undefined) return problem;
    await access(path, USABLE).catch((error: NodeJS.ErrnoException) => {
      // Another process of ours has just ended and took its socket with it.
      if (error.code !== 'ENOENT') throw unusable(folder, error);
    });
  }
  return undefined;
}

/**
 * Whether a runtime has ever kept anything there; makes nothing.
 *
 * @throws {StartError} when this user may not look.
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

/** One level after the other: Node's own recursion does not end where a file system takes no names (/proc). */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Also where it may not be written: the folder may be there all the same.
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
