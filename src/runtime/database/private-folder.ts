import { chmod, lstat, readdir, stat } from 'node:fs/promises';

/** Permissions of a folder's group and of everybody else. */
const OF_OTHERS = 0o077;

/**
 * Makes sure that a folder is this user's and closed to all others.
 *
 * @param isOurs which of its entries the runtime made; a folder with none of these but with others is not touched.
 * @returns what cannot be righted, as a part of a sentence; `undefined` when all is well.
 */
export async function closeToOthers(
  folder: string,
  isOurs: (name: string) => boolean,
): Promise<string | undefined> {
  const uid = process.geteuid?.();
  // Windows has no such permissions: it keeps others out of a user's folders by the rights of their parents.
  if (uid === undefined) return undefined;
  const before = await stat(folder);
  if (before.uid !== uid) return belongingTo(folder, before.uid, uid);
  if ((before.mode & OF_OTHERS) === 0) return undefined;
  const names = (await readdir(folder)).filter((name) => name !== 'lost+found');
  if (names.length > 0 && !names.some(isOurs)) {
    return `other users can open ${folder}, which holds other files too, so it is not closed to them (chmod 700 would)`;
  }
  const refused = await chmod(folder, 0o700).catch((error: Error) => error.message);
  if (((await stat(folder)).mode & OF_OTHERS) === 0) return undefined;
  return `other users can open ${folder}, and its file system does not let that be changed${refused === undefined ? '' : ` (${refused})`}`;
}

/** What is wrong when something in a folder, which was perhaps open until now, was made by another user. */
export async function madeByOther(path: string): Promise<string | undefined> {
  const uid = process.geteuid?.();
  const facts = await lstat(path).catch(() => undefined);
  if (uid === undefined || facts === undefined || facts.uid === uid) return undefined;
  return belongingTo(path, facts.uid, uid);
}

const belongingTo = (path: string, owner: number, uid: number): string =>
  `${path} belongs to user ${owner} and this process runs as user ${uid}, so that user could read every key and file`;
