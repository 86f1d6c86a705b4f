import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut; whoever prints pictures to standard output shall not fill our memory. */
const LINE_LIMIT = 4096;

/** Calls back with each line of a process's output, the last unfinished one included. */
export function onLines(stream: Readable, listener: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split(/\r?\n/);
    rest = (lines.pop() ?? '').slice(0, LINE_LIMIT);
    for (const line of lines) listener(line.slice(0, LINE_LIMIT));
  });
  stream.on('end', () => {
    if (rest !== '') listener(rest);
  });
  stream.on('error', () => undefined);
}
