/** Limit for the nesting of a body; usual bodies have a fifth of it. */
export const DEPTH_LIMIT = 64;
/** Limit for the number of values in a body: members, items, objects and arrays. */
export const VALUES_LIMIT = 250_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/**
 * Checks the limits of a JSON text before it is parsed: parsing, validating and storing many or nested values costs far
 * more than reading their bytes.
 *
 * @returns the error, or `undefined` when the text is within the limits, valid JSON or not.
 */
export function shapeExcess(json: Buffer): string | undefined {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0;
    if (byte === QUOTE) at = endOfText(json, at);
    else if (byte === COMMA) values += 1;
    else if (OPENING.has(byte)) {
      depth += 1;
      values += 1;
    } else if (CLOSING.has(byte)) depth -= 1;
    if (depth > DEPTH_LIMIT)
      return `The body is nested more than ${DEPTH_LIMIT} levels deep. Send a flatter one.`;
    if (values > VALUES_LIMIT)
      return `The body holds more than ${VALUES_LIMIT} values. Upload large data as a file instead.`;
  }
  return undefined;
}

/** Index of the closing quote of a string; the end of the text for an unterminated string. */
function endOfText(json: Buffer, begin: number): number {
  let end = json.indexOf(QUOTE, begin + 1);
  while (end !== -1 && isEscaped(json, end)) end = json.indexOf(QUOTE, end + 1);
  return end === -1 ? json.length : end;
}

function isEscaped(json: Buffer, at: number): boolean {
  let before = at;
  while (json[before - 1] === BACKSLASH) before -= 1;
  return (at - before) % 2 === 1;
}
