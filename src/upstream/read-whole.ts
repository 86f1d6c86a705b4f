import type { Body } from './streamed-answer.js';

/** The answer is larger than we are willing to read. */
export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';

  /** @param limit in bytes. */
  constructor(readonly limit: number) {
    super(`more than ${limit} bytes`);
  }
}

/** @throws {AnswerTooLarge} as soon as that is known; the rest is not read. */
export async function readWhole(body: Body, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const broke = await body.read((chunk) => {
    size += chunk.length;
    if (size > limit) throw new AnswerTooLarge(limit);
    chunks.push(chunk);
    return Promise.resolve(false);
  });
  if (broke) throw broke;
  return Buffer.concat(chunks);
}
