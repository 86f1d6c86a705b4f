/** Most segments: nothing in them to encode, and nowhere else to lead. */
const PLAIN = /^[\w-]+$/;
/** Control characters, both slashes; everything else is made harmless by encoding. */
const FORBIDDEN = /[\p{Cc}/\\]/u;

/**
 * Path of checked and percent-encoded segments, without a leading slash; `undefined` when one of them could lead
 * elsewhere. Encoding alone does not stop `..`.
 */
export function pathOf(segments: readonly string[]): string | undefined {
  return segments.every(isSafe) ? segments.map(encoded).join('/') : undefined;
}

function isSafe(segment: string): boolean {
  if (PLAIN.test(segment)) return true;
  return !['', '.', '..'].includes(segment) && segment.isWellFormed() && !FORBIDDEN.test(segment);
}

/** `@` is legal in a path and reads better in `slug@version`. */
const encoded = (segment: string): string =>
  PLAIN.test(segment) ? segment : encodeURIComponent(segment).replaceAll('%40', '@');
