import type { TomlTable } from '../../clients/index.js';
import { FileProblem } from './file-problem.js';
import type { TomlPlace } from './records.js';
import type { TextFormat } from './text-format.js';
import { type TomlStatement, tomlStatements } from './toml-statements.js';

/**
 * Sets a table of a TOML file, and keys above all tables that it does not have, and keeps everything else as it is written.
 *
 * @throws {FileProblem} for a file that cannot be read, or has the table in a form that is not edited.
 */
export function setToml(
  text: string,
  { top, path, lines }: TomlTable,
  format: TextFormat,
): { readonly text: string; readonly before: TomlPlace } {
  const { eol } = format;
  const statements = tomlStatements(text);
  requireTables(statements, path);
  const added = top.filter((line) => !hasTopKey(statements, line));
  const table = [`[${path.join('.')}]`, ...lines].map((line) => line + eol).join('');
  const own = ownStatements(statements, path);
  if (own.length > 0) {
    const source = own.map((index) => statements[index]?.text).join('');
    const edited = statements.map((statement, index) =>
      index === own[0] ? table : own.includes(index) ? '' : statement.text,
    );
    return {
      text: withTop(edited.join(''), added, format),
      before: { path, source, hasGap: false, top: added },
    };
  }
  const withKeys = withTop(text, added, format);
  const gap = withKeys.trim() === '' ? '' : withKeys.endsWith('\n') ? eol : eol + eol;
  return { text: withKeys + gap + table, before: { path, hasGap: gap !== '', top: added } };
}

/** Puts back the table and the keys as they were, and keeps what else has changed since. */
export function restoreToml(text: string, { path, source, hasGap, top }: TomlPlace): string {
  const statements = tomlStatements(text);
  const own = ownStatements(statements, path);
  const [first] = own;
  const kept = statements.map((statement, index) =>
    own.includes(index) ? (index === first ? (source ?? '') : '') : statement.text,
  );
  // The empty line that was put before it.
  if (first !== undefined && hasGap && statements[first - 1]?.text.trim() === '') kept[first - 1] = '';
  for (const index of topKeys(statements))
    if (top.includes(kept[index]?.trim() ?? '')) {
      kept[index] = '';
      if (index === 0 && kept[1]?.trim() === '') kept[1] = '';
    }
  return kept.join('');
}

/** Indices of the keys before the first table. */
function topKeys(statements: readonly TomlStatement[]): number[] {
  const firstTable = statements.findIndex(({ kind }) => kind === 'table');
  const end = firstTable === -1 ? statements.length : firstTable;
  return statements.flatMap(({ kind }, index) => (kind === 'key' && index < end ? [index] : []));
}

/** Whether there is a key of the name that a line has. */
const hasTopKey = (statements: readonly TomlStatement[], line: string): boolean =>
  topKeys(statements).some((index) => statements[index]?.names?.[0] === /^\w+/.exec(line)?.[0]);

/** With lines after the last key before the first table, or at the begin with an empty line after them. */
function withTop(text: string, lines: readonly string[], { eol }: TextFormat): string {
  if (lines.length === 0) return text;
  const added = lines.map((line) => line + eol).join('');
  const statements = tomlStatements(text);
  const last = topKeys(statements).at(-1);
  if (last === undefined) return text === '' ? added : added + eol + text;
  return statements
    .map(({ text: each }, index) =>
      index === last ? `${each}${each.endsWith('\n') ? '' : eol}${added}` : each,
    )
    .join('');
}

/** Indices of the lines of a table and of those below it, up to the last key of each: comments after it belong to the next. */
function ownStatements(statements: readonly TomlStatement[], path: readonly string[]): number[] {
  const own: number[] = [];
  let pending: number[] | undefined;
  for (const [index, { kind, names = [] }] of statements.entries()) {
    if (kind === 'table')
      pending = path.every((name, depth) => names[depth] === name) ? (pending ?? []) : undefined;
    if (!pending) continue;
    pending.push(index);
    if (kind !== 'other') own.push(...pending.splice(0));
  }
  return own;
}

/** The same table may also be written with dots or braces. */
function requireTables(statements: readonly TomlStatement[], path: readonly string[]): void {
  let table: readonly string[] = [];
  for (const { kind, names = [] } of statements) {
    if (kind === 'table') {
      table = names;
      continue;
    }
    if (kind !== 'key') continue;
    const whole = [...table, ...names];
    const isInside = path.every((name, depth) => table[depth] === name);
    const isSame = whole.every((name, depth) => depth >= path.length || name === path[depth]);
    if (!isInside && isSame) {
      throw new FileProblem(
        `it has ${path.join('.')} as "${names.join('.')} = …", not as a table of its own; change that by hand`,
      );
    }
  }
}
