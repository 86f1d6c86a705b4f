import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

import { CODE, Refusal } from './refusal.js';

const BYTE_ORDER_MARK = 0xfeff;

/**
 * Reads a body to its end and parses it. The bytes are put together before they are read as text, so a letter may be
 * cut in two on its way.
 *
 * @throws {Refusal} 413 above the limit, 400 for what is not JSON in UTF-8.
 */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const bytes = await readBytes(request, limit);
  if (!isUtf8(bytes)) throw unreadable();
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text) as unknown;
  } catch {
    throw unreadable();
  }
}

function readBytes(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length']) > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else reject(tooLarge(limit));
    });
    request.once('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.once('close', () => {
      if (!request.readableEnded) reject(unreadable());
    });
    request.once('error', () => reject(unreadable()));
  });
}

const unreadable = (): Refusal => new Refusal(400, CODE.parseError, 'Parse error: Invalid JSON');

const tooLarge = (limit: number): Refusal =>
  new Refusal(413, CODE.refused, `Payload Too Large: Request body must not exceed ${limit} bytes`, {
    headers: { Connection: 'close' },
  });
