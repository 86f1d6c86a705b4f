import { pipeline, Readable, type Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';

/** The window that RFC 9659 allows on the web, 8 MiB; a larger one would take as much memory. */
const ZSTD_WINDOW = { params: { [constants.ZSTD_d_windowLogMax]: 23 } };

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress(ZSTD_WINDOW)],
]);
/** Several are rare, and each takes memory. */
const MOST_CODINGS = 3;

/** The content codings of a body (RFC 9110, section 8.4), in the order in which they were applied. */
export function contentCodings(headers: Readonly<Record<string, string | string[]>>): string[] {
  return Object.entries(headers)
    .filter(([name]) => name.toLowerCase() === 'content-encoding')
    .flatMap(([, values]) => [values].flat())
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
}

/** Whether {@link withoutCodings} can undo all of them. */
export const isDecodable = (codings: readonly string[]): boolean =>
  codings.length <= MOST_CODINGS && codings.every((coding) => DECODERS.has(coding));

/** The bytes of a body are not what its content coding says. */
export class NotDecodable extends Error {
  override readonly name = 'NotDecodable';
}

/**
 * The chunks of a body as they were before the codings.
 *
 * @throws {NotDecodable} when the bytes are not what their codings say; what the chunks throw is passed on.
 */
export async function* withoutCodings(
  chunks: Iterable<Buffer> | AsyncIterable<Buffer>,
  codings: readonly string[],
): AsyncGenerator<Buffer, undefined> {
  const decoders = codings.toReversed().flatMap((coding) => DECODERS.get(coding)?.() ?? []);
  // The error of each stream reaches the last one.
  const decoded: unknown = pipeline([Readable.from(chunks), ...decoders], () => undefined);
  try {
    yield* decoded as AsyncIterable<Buffer>;
    return undefined;
  } catch (error) {
    if (!DECODER_CODE.test(String(Reflect.get(error as object, 'code')))) throw error;
    throw new NotDecodable(`its bytes are not ${codings.join(', ')}, as its Content-Encoding says`, {
      cause: error,
    });
  }
}

/** Codes of the errors of node:zlib: of zlib, Brotli and Zstandard. */
const DECODER_CODE = /^(?:Z_|ERR__ERROR|ZSTD_)/;
