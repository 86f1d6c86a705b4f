import { lstat, mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';

import { StartError } from '../config/index.js';

/** Makes the folder, or makes sure that nobody else prepared it: what lies in it is run and killed. */
export async function ownFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const facts = await lstat(path);
  const { uid } = userInfo();
  const isOurs = facts.isDirectory() && (uid < 0 || facts.uid === uid) && (facts.mode & 0o022) === 0;
  if (!isOurs && process.platform !== 'win32') {
    throw new StartError(`The agent's work folder ${path} must be a folder only its own user can write to.`);
  }
}
