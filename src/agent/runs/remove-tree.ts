import { chmod, lstat, opendir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Logger } from '@nestjs/common';

const logger = new Logger('Agent');

/**
 * Removes a file or folder with everything in it. Folders that nothing may be deleted from, such as Go's module
 * cache, are opened first. What cannot be removed all the same is logged and stays: neither a run nor the start of
 * an agent depends on it.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await remove(path).catch(async () => {
      await openFolders(path);
      await remove(path);
    });
  } catch (error) {
    const reason = (error as Error).message;
    logger.warn(`${path} cannot be removed, remove it by hand to free its space: ${reason}`);
  }
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 3 });

/** Gives the owner every right on the folder and all folders in it; links are not followed. */
async function openFolders(top: string): Promise<void> {
  const found = [top];
  for (let path = found.pop(); path !== undefined; path = found.pop()) {
    if (!(await lstat(path).catch(() => undefined))?.isDirectory()) continue;
    // Not ours to change: what cannot be removed because of it is reported by the removal.
    await chmod(path, 0o700).catch(() => undefined);
    found.push(...(await foldersIn(path)));
  }
}

async function foldersIn(path: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(path))
      if (entry.isDirectory()) names.push(join(path, entry.name));
  } catch {
    // It cannot be read; the removal says so.
  }
  return names;
}
