import { FileProblem } from './file-problem.js';

/** The form of a text file that an edit keeps. */
export interface TextFormat {
  readonly hasBom: boolean;
  readonly eol: '\n' | '\r\n';
  /** One level of indentation. */
  readonly indent: string;
}

const BOM = '\uFEFF';

/** The text without its byte order mark, and its form. */
export function readText(bytes: Buffer): { readonly text: string; readonly format: TextFormat } {
  const all = decoded(bytes);
  const hasBom = all.startsWith(BOM);
  const text = hasBom ? all.slice(1) : all;
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
  return { text, format: { hasBom, eol: text.includes('\r\n') ? '\r\n' : '\n', indent } };
}

export const withFormat = (text: string, { hasBom }: TextFormat): Buffer =>
  Buffer.from(hasBom ? BOM + text : text);

function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FileProblem('it is not UTF-8 text; save it as UTF-8, or move it away');
  }
}
