import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Longest line that is read: parameters and results are objects in a database, not files. */
const LINE_LIMIT = 32 * 1024 * 1024;

/** The peer sent a line that is not valid; the rest of the stream cannot be read. */
export class InvalidLine extends Error {
  override readonly name = 'InvalidLine';
}

/**
 * The values of a stream of JSON lines. Ends with the stream and leaves its other direction open; rejects when the stream
 * is reset, and with {@link InvalidLine} when a line is not JSON or too long.
 *
 * @param parse replaces `JSON.parse`.
 */
export async function* readLines(
  stream: Readable,
  parse: (text: string) => unknown = JSON.parse,
): AsyncGenerator<unknown, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    const [rest = '', ...begun] = decoder.write(chunk as Buffer).split('\n');
    pieces.push(rest);
    length += rest.length;
    if (length > LINE_LIMIT) throw new InvalidLine(`a line is longer than ${LINE_LIMIT} characters`);
    for (const next of begun) {
      const line = pieces.join('');
      pieces = [next];
      length = next.length;
      if (line !== '') yield valueOf(line, parse);
    }
  }
  // A reset HTTP/2 stream also ends; only its code shows the reset.
  if (Reflect.get(stream, 'rstCode')) throw new Error('the stream was cut');
  const last = pieces.join('');
  if (last !== '') yield valueOf(last, parse);
}

function valueOf(line: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(line);
  } catch (error) {
    throw new InvalidLine(`a line is not JSON: ${(error as Error).message}`);
  }
}

/** Writes a value as one JSON line and waits while the reader is behind. Silent when the stream has ended. */
export async function writeLine(stream: Writable, value: unknown): Promise<void> {
  if (!stream.writable || stream.write(`${JSON.stringify(value)}\n`)) return;
  const gone = new AbortController();
  const close = (): void => gone.abort();
  stream.once('close', close);
  await once(stream, 'drain', { signal: gone.signal }).catch(() => undefined);
  stream.off('close', close);
}
