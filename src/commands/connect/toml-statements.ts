import { FileProblem } from './file-problem.js';

/** One line of a TOML file, or several that one value takes. */
export interface TomlStatement {
  readonly text: string;
  /** The names in the header of a table, in brackets; else of a key. */
  readonly names?: readonly string[];
  readonly kind: 'table' | 'key' | 'other';
}

const NAME = String.raw`(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')`;
const NAMES = String.raw`${NAME}(?:\s*\.\s*${NAME})*`;
const HEADER = new RegExp(String.raw`^\s*\[\[?\s*(${NAMES})\s*\]\]?\s*(?:#.*)?$`);
const KEY = new RegExp(String.raw`^\s*(${NAMES})\s*=(.*)$`, 's');

const namesIn = (text: string): string[] =>
  [...text.matchAll(new RegExp(NAME, 'g'))].map(([name]) => (/^["']/.test(name) ? name.slice(1, -1) : name));

/** @throws {FileProblem} for a file that its client could not read either. */
export function tomlStatements(text: string): TomlStatement[] {
  const lines = text.split(/(?<=\n)/);
  const statements: TomlStatement[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const number = index + 1;
    let whole = lines[index] ?? '';
    if (/^\s*(#.*)?$/.test(whole.trimEnd())) {
      statements.push({ text: whole, kind: 'other' });
      continue;
    }
    const header = HEADER.exec(whole.trimEnd());
    if (header) {
      statements.push({ text: whole, kind: 'table', names: namesIn(header[1] ?? '') });
      continue;
    }
    const key = KEY.exec(whole);
    if (!key) throw broken(`line ${number} is neither a table nor a key with a value`);
    while (!isComplete((KEY.exec(whole)?.[2] ?? '').trim())) {
      index += 1;
      if (index >= lines.length) throw broken(`the value in line ${number} has no end`);
      whole += lines[index] ?? '';
    }
    statements.push({ text: whole, kind: 'key', names: namesIn(key[1] ?? '') });
  }
  return statements;
}

/** Strings, comments and brackets of a value, whichever comes first. */
const TOKEN = /"""[^]*?(?<!\\)"""|'''[^]*?'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|"""|'''|["']|#[^\n]*|[[\]{}]/g;

/** Whether a value ends here: its strings are closed, and its brackets. */
function isComplete(value: string): boolean {
  if (value === '') return false;
  let depth = 0;
  for (const [token] of value.matchAll(TOKEN)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    else if (/^("""|'''|["'])$/.test(token)) return false;
  }
  return depth <= 0;
}

const broken = (reason: string): FileProblem =>
  new FileProblem(
    `it is not valid TOML: ${reason}. Mend it, or move the file away, and run the command again`,
  );
