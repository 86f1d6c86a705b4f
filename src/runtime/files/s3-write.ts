import type { S3Client } from '@aws-sdk/client-s3';

import type { S3Multipart } from './s3-multipart.js';
import { limited, unavailable } from './s3-problems.js';

/** A part in memory; S3 takes none below 5 MiB but the last, and 10,000 parts. */
const PART_BYTES = 8 * 1024 * 1024;
const CALL_LIMIT_MS = 60_000;

/** An object of a bucket. */
interface ObjectPlace {
  readonly Bucket: string;
  readonly Key: string;
}

/** Stores an object of unknown size: a small one by one request, a large one in parts. Returns its size. */
export async function writeObject(
  client: S3Client,
  multipart: S3Multipart,
  place: ObjectPlace,
  body: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<number> {
  const parts = inParts(body);
  const first = (await parts.next()).value ?? Buffer.alloc(0);
  const second = await parts.next();
  if (second.done !== true)
    return writeInParts(client, multipart, place, andThen([first, second.value], parts));
  const { PutObjectCommand } = await import('@aws-sdk/client-s3');
  const command = new PutObjectCommand({
    ...place,
    Body: first,
    ContentLength: first.length,
    IfNoneMatch: '*',
  });
  await client.send(command, limited(CALL_LIMIT_MS)).catch(unavailable);
  return first.length;
}

async function writeInParts(
  client: S3Client,
  multipart: S3Multipart,
  place: ObjectPlace,
  parts: AsyncIterable<Buffer>,
): Promise<number> {
  const { UploadPartCommand } = await import('@aws-sdk/client-s3');
  const { Key: key } = place;
  const uploadId = await multipart.begin({ key });
  const stored: { partNumber: number; size: number; etag: string }[] = [];
  let size = 0;
  try {
    for await (const part of parts) {
      const PartNumber = stored.length + 1;
      const target = { ...place, UploadId: uploadId, PartNumber };
      const command = new UploadPartCommand({ ...target, Body: part, ContentLength: part.length });
      const { ETag = '' } = await client.send(command, limited(CALL_LIMIT_MS)).catch(unavailable);
      stored.push({ partNumber: PartNumber, size: part.length, etag: ETag.replaceAll('"', '') });
      size += part.length;
    }
    await multipart.complete({ key, uploadId }, stored);
    return size;
  } catch (error) {
    // Otherwise the sweep removes the parts, a day later.
    await multipart.abort({ key, uploadId }).catch(() => undefined);
    throw error;
  }
}

/** The bytes in parts of the same size; the last one is smaller. */
async function* inParts(body: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  let chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    let rest = chunk;
    while (size + rest.length >= PART_BYTES) {
      const taken = PART_BYTES - size;
      yield Buffer.concat([...chunks, rest.subarray(0, taken)]);
      rest = rest.subarray(taken);
      chunks = [];
      size = 0;
    }
    chunks.push(rest);
    size += rest.length;
  }
  if (size > 0) yield Buffer.concat(chunks);
  return undefined;
}

async function* andThen(first: readonly Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* first;
  yield* rest;
}
