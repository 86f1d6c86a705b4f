import { createHash } from 'node:crypto';

import type { HeadObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';

import type { StoredPart } from './multipart-store.js';
import { limited, statusOf } from './s3-problems.js';

/** Of one call with its repetitions: a request that needs it is answered within 8 seconds. */
const HEAD_LIMIT_MS = 6000;

/** An object of a bucket. */
export interface ObjectPlace {
  readonly Bucket: string;
  readonly Key: string;
}

/** What a bucket says about an object; `undefined` when there is none. */
export async function headOf(
  client: S3Client,
  place: ObjectPlace,
  signal?: AbortSignal,
): Promise<HeadObjectCommandOutput | undefined> {
  const { HeadObjectCommand } = await import('@aws-sdk/client-s3');
  try {
    return await client.send(new HeadObjectCommand(place), limited(HEAD_LIMIT_MS, signal));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Whether a write was refused because the object exists, or is being written at this moment. */
export const isConflict = (error: unknown): boolean => [409, 412].includes(statusOf(error) ?? 0);

/** The ETag of an object that was made of parts, by the rule that stores have in common: the MD5 of their MD5s. */
export function etagOfParts(parts: readonly Pick<StoredPart, 'etag'>[]): string {
  const hash = createHash('md5');
  for (const { etag } of parts) hash.update(Buffer.from(etag, 'hex'));
  return `${hash.digest('hex')}-${parts.length}`;
}
