/** What V8 takes for an object, a list or a value in one, roughly; of small ones, which are what adds up. */
const BYTES_PER_VALUE = 40;
/** A text is there twice: as it came, and in the value. */
const COPIES = 2;

const COMMA = 0x2c;
const BRACKET = 0x5b;
const BRACE = 0x7b;

/**
 * Bytes of memory that JSON will take once it is parsed, of which its length says little: a list of empty objects takes
 * twenty times as much. Marks within texts count too, since telling them apart would cost as much as parsing.
 */
export function parsedSize(json: Uint8Array): number {
  let values = 0;
  // By index: an iterator makes it ten times slower.
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === COMMA || byte === BRACKET || byte === BRACE) values += 1;
  }
  return COPIES * json.length + BYTES_PER_VALUE * values;
}
