import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { S3Client } from '@aws-sdk/client-s3';
import { Inject, Injectable } from '@nestjs/common';

import { Addresses, StartError } from '../../config/index.js';
import { writeAtomically } from '../database/index.js';

/** Access to an S3 bucket, built-in or external, with the credentials that sign links. */
export interface ObjectStore {
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export const OBJECT_STORE = Symbol('OBJECT_STORE');

/** Path of the built-in S3 subset below an origin. */
export const FILES_PATH = '/api/v1/files';

const SECRET_BYTES = 32;
const SECRET = new RegExp(`^[0-9a-f]{${SECRET_BYTES * 2}}$`);

/**
 * The credentials of the built-in store, created once per data folder, so that links stay valid after a restart. The
 * folder must be locked, so that concurrent first starts do not each create a secret.
 *
 * @throws {StartError} when the secret on disk is invalid: links signed with an empty secret could be forged.
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
  await writeAtomically(path, secret).catch((error: Error) => {
    throw new StartError(`${path} cannot be written (${error.message}). Free some space, then start again.`);
  });
  return secret;
}

const MEND =
  'Restore it from a backup, or delete it: the next start makes a new one, and links that were already given out end.';

/** Whether a link is used by an agent on this machine, or by any client. */
export type Audience = 'loopback' | 'public';

/** An object to PUT; the signature includes its size, and that it must not exist. */
export interface UploadTarget {
  readonly key: string;
  readonly size: number;
}

/** A PUT link with its signed headers. */
export interface SignedUpload {
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** Validity of links in seconds. */
export const LINK_SECONDS = 3600;

/** Signs links with the AWS presigner, so that the built-in store and a real S3 use the same code. */
@Injectable()
export class LinkSigner {
  /** By origin, as the port is known only once the server listens. */
  private readonly clients = new Map<string, Promise<S3Client>>();

  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly addresses: Addresses,
  ) {}

  async upload({ key, size }: UploadTarget, audience: Audience): Promise<SignedUpload> {
    const { PutObjectCommand, getSignedUrl, client } = await this.tools(audience);
    const command = new PutObjectCommand({
      Bucket: this.store.bucket,
      Key: key,
      ContentLength: size,
      IfNoneMatch: '*',
    });
    const url = await getSignedUrl(client, command, { expiresIn: LINK_SECONDS });
    return { url, headers: { 'Content-Length': String(size), 'If-None-Match': '*' } };
  }

  async download(key: string, audience: Audience): Promise<string> {
    const { GetObjectCommand, getSignedUrl, client } = await this.tools(audience);
    const command = new GetObjectCommand({ Bucket: this.store.bucket, Key: key });
    return getSignedUrl(client, command, { expiresIn: LINK_SECONDS });
  }

  /** The SDK is large, so it is loaded on first use. */
  private async tools(audience: Audience) {
    const [{ GetObjectCommand, PutObjectCommand }, { getSignedUrl }, client] = await Promise.all([
      import('@aws-sdk/client-s3'),
      import('@aws-sdk/s3-request-presigner'),
      this.clientFor(this.addresses[audience]),
    ]);
    return { GetObjectCommand, PutObjectCommand, getSignedUrl, client };
  }

  private clientFor(origin: string): Promise<S3Client> {
    const known = this.clients.get(origin) ?? this.newClient(origin);
    this.clients.set(origin, known);
    return known;
  }

  private async newClient(origin: string): Promise<S3Client> {
    const { S3Client } = await import('@aws-sdk/client-s3');
    const { region, accessKeyId, secretAccessKey } = this.store;
    return new S3Client({
      region,
      endpoint: origin + FILES_PATH,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }
}
