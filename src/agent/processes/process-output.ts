import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Longer lines are shortened in the middle, so that binary data on standard output does not fill the memory. */
const LINE_LIMIT = 4096;
const CUT = ' … ';

interface OutputListener {
  /** A whole line; also the last one without a line end. */
  readonly line: (line: string) => void;
  /** Text that a carriage return overwrites, such as each state of a progress bar except the last. */
  readonly overwritten?: (text: string) => void;
}

/** Reads the output of a process line by line, as a terminal shows it. */
export function onLines(stream: Readable, listener: OutputListener): void {
  const decoder = new StringDecoder('utf8');
  const lines = new LineReader(listener);
  stream.on('data', (chunk: Buffer) => lines.take(decoder.write(chunk)));
  stream.on('end', () => lines.end());
  stream.on('error', () => undefined);
}

class LineReader {
  private text = '';
  /** The last character was a carriage return: the next text replaces this one, unless the line ends here. */
  private isReturned = false;

  constructor(private readonly listener: OutputListener) {}

  take(chunk: string): void {
    for (const part of chunk.split(/(?<=[\r\n])/)) this.takePart(part);
  }

  end(): void {
    if (this.text !== '') this.listener.line(shortened(this.text));
  }

  /** @param part text that contains a line end only at its end. */
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

/** Lines and characters of the log that an error message contains. */
const ERROR_LINES = 40;
const ERROR_CHARACTERS = 12_000;
/** At least this many characters of the log are kept. */
const LOG_CHARACTERS = 64 * 1024;

/** The last lines that processes wrote. */
export class LogTail {
  private readonly lines: string[] = [];
  private length = 0;
  private isCut = false;

  add(line: string): void {
    this.lines.push(line);
    this.length += line.length + 1;
    for (let first = this.lines[0] ?? ''; this.length - first.length - 1 >= LOG_CHARACTERS;) {
      this.lines.shift();
      this.length -= first.length + 1;
      this.isCut = true;
      first = this.lines[0] ?? '';
    }
  }

  /** The last lines, as many as an error message contains. */
  get last(): readonly string[] {
    let first = this.lines.length;
    let left = ERROR_CHARACTERS;
    while (first > 0 && this.lines.length - first < ERROR_LINES) {
      left -= (this.lines[first - 1] ?? '').length + 1;
      if (left < 0) break;
      first -= 1;
    }
    return this.lines.slice(first);
  }

  /** A sentence followed by the last lines. */
  after(sentence: string): string {
    return [sentence, ...this.last].join('\n');
  }

  /** Everything that is kept; a first line says when earlier lines were dropped. */
  text(): string {
    const lines = this.isCut ? ['[earlier lines are not kept]', ...this.lines] : this.lines;
    return lines.map((line) => `${line}\n`).join('');
  }
}
