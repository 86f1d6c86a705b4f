import { buffer } from 'node:stream/consumers';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { expect, it } from 'vitest';

import { contentCodings, isDecodable, NotDecodable, withoutCodings } from './content-coding.js';

const TEXT = Buffer.from('row,1 of many rows\n'.repeat(5000));
const ENCODERS = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
} as const;

const decoded = (bytes: Buffer, codings: readonly string[]): Promise<Buffer> =>
  buffer(withoutCodings([bytes.subarray(0, 10), bytes.subarray(10)], codings));

it.each(Object.entries(ENCODERS))(
  'a body in %s is decoded, and a broken one says what it is not',
  async (coding, encode) => {
    const bytes = encode(TEXT);
    expect((await decoded(bytes, [coding])).equals(TEXT)).toBe(true);
    for (const broken of [bytes.subarray(0, -6), Buffer.from('this was never compressed'), Buffer.alloc(0)])
      await expect(decoded(broken, [coding])).rejects.toThrow(
        new NotDecodable(`its bytes are not ${coding}, as its Content-Encoding says`),
      );
  },
);

it('several codings are undone in reverse', async () => {
  const bytes = brotliCompressSync(gzipSync(TEXT));
  const codings = contentCodings({ 'Content-Encoding': ['GZip, identity', ' br'] });
  expect(codings).toEqual(['gzip', 'br']);
  expect((await decoded(bytes, codings)).equals(TEXT)).toBe(true);
});

it('an unknown coding, and too many of them, are not decodable', () => {
  expect(isDecodable([])).toBe(true);
  expect(isDecodable(['gzip', 'compress'])).toBe(false);
  expect(isDecodable(Array.from({ length: 4 }, () => 'gzip'))).toBe(false);
});

it('an error of the body is passed on, and the body is released when its reader stops early', async () => {
  let isReleased = false;
  async function* body(error?: Error): AsyncGenerator<Buffer> {
    try {
      for (let count = 0; count < 100; count += 1) {
        yield gzipSync(TEXT);
        if (error) throw error;
      }
    } finally {
      isReleased = true;
    }
  }
  const broken = new Error('the connection was cut');
  await expect(buffer(withoutCodings(body(broken), ['gzip']))).rejects.toBe(broken);
  isReleased = false;
  for await (const chunk of withoutCodings(body(), ['gzip'])) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  await expect.poll(() => isReleased).toBe(true);
});
