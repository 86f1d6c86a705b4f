import { pipeline } from 'node:stream/promises';

import type { Request, Response } from 'express';

import type { FileFolder } from './file-folder.js';
import { contentDisposition, parseFileKey } from './file-key.js';
import type { S3Refusal } from './s3-answers.js';

const RANGE = /^bytes=(\d*)-(\d*)$/;

/** Sends a file of the built-in store, or the part of it that is asked for. Returns why nothing was sent. */
export async function sendFile(
  folder: FileFolder,
  key: string,
  [request, response]: readonly [Request, Response],
): Promise<Extract<S3Refusal, 'NoSuchKey' | 'InvalidRange'> | undefined> {
  const file = await folder.find(key);
  if (!file) return 'NoSuchKey';
  const range = rangeOf(request.headers.range, file.size);
  if (range === 'outside') {
    // RFC 9110, section 14.4: a client learns the size from it.
    response.set('Content-Range', `bytes */${file.size}`);
    return 'InvalidRange';
  }
  describe(response, key, file.storedAt);
  if (range) response.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${file.size}`);
  response.set('Content-Length', String(range ? range.end - range.start + 1 : file.size));
  if (request.method === 'HEAD') response.end();
  // A client that disconnects ends the stream; there is no response to send.
  else await pipeline(folder.read(key, range), response).catch(() => response.destroy());
  return undefined;
}

function describe(response: Response, key: string, storedAt: Date): void {
  const { contentType = 'application/octet-stream', fileName = 'file' } = parseFileKey(key) ?? {};
  // Unchanged; Express would add a charset.
  response.setHeader('Content-Type', contentType);
  response.set({
    'Content-Disposition': contentDisposition(fileName),
    'Last-Modified': storedAt.toUTCString(),
    'Accept-Ranges': 'bytes',
    // Files are untrusted content on this origin: a browser must not execute them.
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    'X-Content-Type-Options': 'nosniff',
  });
}

/** The requested range; `undefined` for the whole file, also for unsupported forms of the header. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'outside' | undefined {
  const [, from = '', to = ''] = RANGE.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start > end ? 'outside' : { start, end };
}
