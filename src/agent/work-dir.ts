import { chmod, lstat, mkdir } from 'node:fs/promises';

import { StartError } from '../config/index.js';

/** Makes the folder, or makes sure that nobody else prepared it: what lies in it is run and killed. */
export async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new StartError(
      `The agent's work folder ${path} cannot be made: ${error.message}. Name another one with --work-dir.`,
    );
  });
  const uid = process.geteuid?.();
  // A system without user ids keeps strangers out of a user's folders in its own way.
  if (uid === undefined) return;
  const facts = await lstat(path);
  if (!facts.isDirectory() || facts.uid !== uid) {
    throw new StartError(`The agent's work folder ${path} must be a folder of its own user.`);
  }
  // A volume may have been opened to a group (fsGroup); as long as it is ours, it can be closed again.
  if ((facts.mode & 0o077) !== 0) await chmod(path, 0o700);
}
