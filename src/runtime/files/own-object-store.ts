import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { prepareDataDir } from '../database/index.js';
import type { ObjectStore } from './object-store.js';

/** The built-in S3's own credentials, made once per data folder: links stay good over a restart. */
export async function ownObjectStore(dataDir: string): Promise<ObjectStore> {
  const path = join(await prepareDataDir(dataDir), 'files-secret');
  const secretAccessKey = await readFile(path, 'utf8').catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    const secret = randomBytes(32).toString('hex');
    await writeFile(path, secret, { mode: 0o600, flush: true });
    return secret;
  });
  return { region: 'local', bucket: 'cyberun', accessKeyId: 'cyberun', secretAccessKey };
}
