import { createReadStream, type PathLike } from 'node:fs';
import type { Readable } from 'node:stream';

import {
  type MultipartOffer,
  type MultipartUpload,
  multipartUpload,
  uploadParts,
} from '../../contract/index.js';

/** Links of parts are valid for an hour. */
const LINKS_AGE_MS = 30 * 60_000;
/** A store may copy all parts before it answers. */
const COMPLETE_MS = 600_000;

/** A request of an upload, which may have to be sent again. */
export interface UploadRequest {
  readonly method: 'PUT' | 'POST' | 'GET' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Opened for each time that it is sent. */
  readonly body?: () => Readable;
  /** Longest pause. */
  readonly idleMs?: number;
}

/** Sends a request until it has succeeded; returns the text of the response. */
export type Send = (request: UploadRequest) => Promise<string>;

/** Stores a large file part by part; only the part that failed is sent again. */
export async function uploadInParts(
  path: PathLike,
  { start_url }: MultipartOffer,
  send: Send,
): Promise<void> {
  const upload = multipartUpload.parse(JSON.parse(await send({ method: 'POST', url: start_url })));
  try {
    await sendParts(path, upload, send);
    await send({ method: 'POST', url: upload.complete_url, idleMs: COMPLETE_MS });
  } catch (error) {
    // Otherwise the runtime removes the parts after a day.
    await send({ method: 'DELETE', url: upload.abort_url }).catch(() => undefined);
    throw error;
  }
}

async function sendParts(
  path: PathLike,
  { parts_url, part_size, part_count }: MultipartUpload,
  send: Send,
): Promise<void> {
  let next = 1;
  while (next <= part_count) {
    const listedAt = performance.now();
    const answer = await send({ method: 'GET', url: `${parts_url}?from=${next}` });
    for (const part of uploadParts.parse(JSON.parse(answer)).parts) {
      if (performance.now() - listedAt > LINKS_AGE_MS) break;
      const start = (part.part_number - 1) * part_size;
      await send({
        method: 'PUT',
        url: part.upload_url,
        headers: part.upload_headers,
        body: () => createReadStream(path, { start, end: start + part.part_size - 1 }),
      });
      next = part.part_number + 1;
    }
  }
}
