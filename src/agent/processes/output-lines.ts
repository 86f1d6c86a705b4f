import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Of a longer line its beginning and its end are kept, so that a picture on standard output fills no memory. */
const LINE_LIMIT = 4096;
const CUT = ' … ';

/** What to do with the output of a process. */
export interface OutputListener {
  /** A whole line, the last unfinished one included. */
  readonly line: (line: string) => void;
  /** Text that is replaced by what follows a carriage return, such as each state of a progress bar but the last. */
  readonly overwritten?: (text: string) => void;
}

/** Listens to the output of a process line by line, as a terminal shows it. */
export function onLines(stream: Readable, listener: OutputListener): void {
  const decoder = new StringDecoder('utf8');
  const lines = new LineReader(listener);
  stream.on('data', (chunk: Buffer) => lines.take(decoder.write(chunk)));
  stream.on('end', () => lines.end());
  stream.on('error', () => undefined);
}

class LineReader {
  private text = '';
  /** A carriage return was the last that came: what follows replaces the text, unless the line ends here. */
  private isReturned = false;

  constructor(private readonly listener: OutputListener) {}

  take(chunk: string): void {
    for (const part of chunk.split(/(?<=[\r\n])/)) this.takePart(part);
  }

  end(): void {
    if (this.text !== '') this.listener.line(shortened(this.text));
  }

  /** @param part text without line ends but at its end. */
  private takePart(part: string): void {
    if (this.isReturned && part !== '\n' && part !== '\r') this.overwrite();
    const end = part.at(-1);
    this.isReturned = end === '\r';
    this.text += end === '\n' || end === '\r' ? part.slice(0, -1) : part;
    if (this.text.length > 2 * LINE_LIMIT) this.text = shortened(this.text);
    if (end !== '\n') return;
    this.listener.line(shortened(this.text));
    this.text = '';
  }

  private overwrite(): void {
    this.listener.overwritten?.(shortened(this.text));
    this.text = '';
  }
}

function shortened(text: string): string {
  if (text.length <= LINE_LIMIT) return text;
  const half = (LINE_LIMIT - CUT.length) / 2;
  return `${text.slice(0, Math.ceil(half))}${CUT}${text.slice(-Math.floor(half))}`;
}
