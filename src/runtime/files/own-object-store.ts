import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { StartError } from '../../config/index.js';
import { writeWhole } from '../database/index.js';
import type { ObjectStore } from './object-store.js';

const SECRET_BYTES = 32;
const SECRET = new RegExp(`^[0-9a-f]{${SECRET_BYTES * 2}}$`);

/**
 * The built-in S3's own credentials, made once per data folder: links stay good over a restart. The folder has to be
 * locked, or two first starts would each make a secret.
 *
 * @throws {StartError} when the secret on disk is none, since anyone could guess what an empty one signs.
 */
export async function ownObjectStore(dataDir: string): Promise<ObjectStore> {
  const path = join(resolve(dataDir), 'files-secret');
  const secretAccessKey = (await secretIn(path)) ?? (await newSecretIn(path));
  return { region: 'local', bucket: 'cyberun', accessKeyId: 'cyberun', secretAccessKey };
}

async function secretIn(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new StartError(
      `${path}, which signs the links to files, cannot be read (${error.message}). ${MEND}`,
    );
  });
  if (text === undefined || SECRET.test(text)) return text;
  throw new StartError(
    `${path}, which signs the links to files, is damaged: it must hold ${SECRET_BYTES * 2} hexadecimal digits and has ${text.length} characters. ${MEND}`,
  );
}

async function newSecretIn(path: string): Promise<string> {
  const secret = randomBytes(SECRET_BYTES).toString('hex');
  await writeWhole(path, secret).catch((error: Error) => {
    throw new StartError(`${path} cannot be written (${error.message}). Free some space, then start again.`);
  });
  return secret;
}

const MEND =
  'Restore it from a backup, or delete it: the next start makes a new one, and links that were already given out end.';
