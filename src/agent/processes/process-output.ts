import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { stripVTControlCharacters } from 'node:util';

import { NO_SECRETS, type SecretMask } from './secret-mask.js';

/** Longer lines are shortened in the middle, so that binary data on standard output does not fill the memory. */
const LINE_LIMIT = 4096;
const CUT = ' … ';
const HALF = (LINE_LIMIT - CUT.length) / 2;
const BEGINNING = Math.ceil(HALF);
const END = Math.floor(HALF);

interface OutputListener {
  /** A whole line; also the last one without a line end. */
  readonly line: (line: string) => void;
  /** Text that a carriage return overwrites, such as each state of a progress bar except the last. */
  readonly overwritten?: (text: string) => void;
}

/**
 * Reads the output of a process line by line, as a terminal shows it: without escape codes and other control characters,
 * and with secrets masked.
 */
export function onLines(stream: Readable, listener: OutputListener, mask: SecretMask = NO_SECRETS): void {
  const decoder = new StringDecoder('utf8');
  const lines = new LineReader(listener, mask);
  stream.on('data', (chunk: Buffer) => lines.take(decoder.write(chunk)));
  stream.on('end', () => {
    lines.take(decoder.end());
    lines.end();
  });
  stream.on('error', () => undefined);
}

/** The lines of a text, as {@link onLines} reads them. */
export function linesIn(text: string, mask: SecretMask): string[] {
  const lines: string[] = [];
  const reader = new LineReader({ line: (line) => lines.push(line) }, mask);
  reader.take(text);
  reader.end();
  return lines;
}

class LineReader {
  /** The line so far, or the end of a long one. */
  private text = '';
  /** The beginning of a line that is too long to be kept whole. */
  private beginning: string | undefined;
  /** What the line has overwritten last. */
  private former: string | undefined;
  /** The last character was a carriage return: the next text replaces this one, unless the line ends here. */
  private isReturned = false;

  constructor(
    private readonly listener: OutputListener,
    private readonly mask: SecretMask,
  ) {}

  take(chunk: string): void {
    for (const part of chunk.split(/(?<=[\r\n])/)) this.takePart(part);
  }

  end(): void {
    if (this.text !== '' || this.beginning !== undefined) this.endLine();
  }

  /** @param part text that contains a line end only at its end. */
  private takePart(part: string): void {
    if (part === '') return;
    if (this.isReturned && part !== '\n' && part !== '\r') this.overwrite();
    const end = part.at(-1);
    this.isReturned = end === '\r';
    this.text += end === '\n' || end === '\r' ? part.slice(0, -1) : part;
    if (this.text.length > 2 * (LINE_LIMIT + this.mask.longest)) this.shorten();
    if (end === '\n') this.endLine();
  }

  private overwrite(): void {
    this.former = this.taken();
    this.listener.overwritten?.(this.former);
  }

  private endLine(): void {
    const line = this.taken();
    const end = this.former === undefined ? line.length : endOfBar(this.former, line);
    this.former = undefined;
    if (end > 0) this.listener.line(line.slice(0, end));
    if (end < line.length || end === 0) this.listener.line(line.slice(end));
  }

  private taken(): string {
    const end = readable(this.mask, this.text);
    const { beginning } = this;
    this.text = '';
    this.beginning = undefined;
    if (beginning !== undefined) return `${beginning}${CUT}${end.slice(-END)}`;
    return end.length > LINE_LIMIT ? `${end.slice(0, BEGINNING)}${CUT}${end.slice(-END)}` : end;
  }

  /** Drops the middle of a long line. A secret of which only the beginning has arrived stays whole. */
  private shorten(): void {
    const text = stripVTControlCharacters(this.text);
    const end = this.mask.boundary(text, Math.max(0, text.length - END - this.mask.longest));
    this.beginning ??= readable(this.mask, text.slice(0, end)).slice(0, BEGINNING);
    this.text = text.slice(end);
  }
}

function readable(mask: SecretMask, text: string): string {
  // oxlint-disable-next-line no-control-regex
  return mask.hide(stripVTControlCharacters(text)).replaceAll(/[\u0000-\u0008\u000A-\u001F\u007F]/g, ' ');
}

/** Longest progress bar that is recognised. */
const BAR_LENGTH = 300;
/** Shorter text behind a progress bar belongs to it, such as `, done.`. */
const MESSAGE_LENGTH = 12;

/**
 * Where the last state of a progress bar ends in its line: a program that fails writes its error behind it. The bar is what
 * differs from the state before only in numbers and in drawing.
 */
function endOfBar(former: string, line: string): number {
  if (former.length > BAR_LENGTH || !/\d/.test(former)) return line.length;
  // The parts have no character in common, so that matching takes no time that grows with the square.
  const shape = former.replaceAll(/\p{L}+|\d+|[^\p{L}\d]+/gu, (part) => {
    if (/\p{L}/u.test(part)) return String.raw`${part}(?!\p{L})`;
    return /\d/.test(part) ? String.raw`\d+` : String.raw`[^\p{L}\d]*`;
  });
  const [bar] = new RegExp(`^${shape}`, 'u').exec(line) ?? [];
  if (bar === undefined || line.length - bar.length < MESSAGE_LENGTH) return line.length;
  return bar.length;
}

/** Lines and characters that an error message contains. */
const ERROR_LINES = 40;
const ERROR_CHARACTERS = 12_000;

/** The last lines that a program wrote, as many as an error message contains. */
export class LogTail {
  private readonly lines: string[] = [];

  add(line: string): void {
    this.lines.push(line);
    if (this.lines.length > ERROR_LINES) this.lines.shift();
  }

  get last(): readonly string[] {
    let first = this.lines.length;
    let left = ERROR_CHARACTERS;
    while (first > 0) {
      left -= (this.lines[first - 1] ?? '').length + 1;
      if (left < 0) break;
      first -= 1;
    }
    return this.lines.slice(first);
  }
}
