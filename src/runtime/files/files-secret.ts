import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { StartError } from '../../config/index.js';
import { type Database, sharedSecret, writeAtomically } from '../database/index.js';
import type { BucketAccount } from './link-signer.js';

const SECRET_BYTES = 32;
const SECRET = new RegExp(`^[0-9a-f]{${SECRET_BYTES * 2}}$`);

/**
 * The credentials of the built-in store, created once per data folder, so that links stay valid after a restart. The
 * folder must be locked, so that concurrent first starts do not each create a secret.
 *
 * @throws {StartError} when the secret on disk is invalid: links signed with an empty secret could be forged.
 */
export async function ownAccount(dataDir: string): Promise<BucketAccount> {
  const path = join(resolve(dataDir), 'files-secret');
  const secretAccessKey = (await secretIn(path)) ?? (await newSecretIn(path));
  return { region: 'local', bucket: 'cyberun', accessKeyId: 'cyberun', secretAccessKey, addressing: 'path' };
}

/** The same credentials with the secret of all nodes that share a database, which is that of the first one. */
export async function sharedAccount(own: BucketAccount, database: Database): Promise<BucketAccount> {
  return { ...own, secretAccessKey: await sharedSecret(database, 'file-links', own.secretAccessKey) };
}

/** Names the data folder of an account; without the secret, which each folder has for itself. */
export const folderIdOf = ({ secretAccessKey }: BucketAccount): string =>
  createHash('sha256').update(`folder ${secretAccessKey}`).digest('hex').slice(0, 32);

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
  await writeAtomically(path, secret).catch((error: Error) => {
    throw new StartError(`${path} cannot be written (${error.message}). Free some space, then start again.`);
  });
  return secret;
}

const MEND =
  'Restore it from a backup, or delete it: the next start makes a new one, and links that were already given out end.';
