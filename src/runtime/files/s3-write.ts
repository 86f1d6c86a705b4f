import { createHash } from 'node:crypto';

import type { S3Client } from '@aws-sdk/client-s3';

import type { S3Multipart } from './s3-multipart.js';
import { headOf, isConflict, type ObjectPlace } from './s3-ownership.js';
import { limited, unavailable } from './s3-problems.js';

/** A part in memory; S3 takes none below 5 MiB but the last, and 10,000 parts. */
const PART_BYTES = 8 * 1024 * 1024;
const CALL_LIMIT_MS = 60_000;

/** The bytes of an object, and what ends its writing early. */
interface ObjectBody {
  readonly body: Iterable<Buffer> | AsyncIterable<Buffer>;
  readonly signal: AbortSignal | undefined;
}

/** Stores an object of unknown size: a small one by one request, a large one in parts. Returns its size. */
export async function writeObject(
  client: S3Client,
  multipart: S3Multipart,
  place: ObjectPlace,
  { body, signal }: ObjectBody,
): Promise<number> {
  const parts = inParts(body);
  const first = (await parts.next()).value ?? Buffer.alloc(0);
  const second = await parts.next();
  if (second.done !== true)
    return writeInParts(client, multipart, place, { body: andThen([first, second.value], parts), signal });
  await putWhole(client, place, first, signal);
  return first.length;
}

async function putWhole(
  client: S3Client,
  place: ObjectPlace,
  bytes: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { PutObjectCommand } = await import('@aws-sdk/client-s3');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const command = new PutObjectCommand({
    ...place,
    Body: bytes,
    ContentLength: bytes.length,
    IfNoneMatch: '*',
    Metadata: { sha256 },
  });
  try {
    await client.send(command, limited(CALL_LIMIT_MS, signal));
  } catch (error) {
    // The SDK sends a request again whose response was lost, and finds the object of the first time.
    const head = isConflict(error) ? await headOf(client, place, signal).catch(unavailable) : undefined;
    if (head?.ContentLength !== bytes.length || head.Metadata?.['sha256'] !== sha256) unavailable(error);
  }
}

async function writeInParts(
  client: S3Client,
  multipart: S3Multipart,
  place: ObjectPlace,
  { body: parts, signal }: ObjectBody,
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
      const { ETag = '' } = await client.send(command, limited(CALL_LIMIT_MS, signal)).catch(unavailable);
      stored.push({ partNumber: PartNumber, size: part.length, etag: ETag.replaceAll('"', '') });
      size += part.length;
    }
    const outcome = await multipart.complete({ key, uploadId }, stored, signal);
    if (outcome !== 'stored') throw new Error(`an object was not stored: ${outcome}`);
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
