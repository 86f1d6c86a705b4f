import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import ts from 'typescript';

import { packagePaths } from '../../src/config/index.js';

/** An exported name, and its declaration or the package it comes from. */
interface ApiEntry {
  readonly name: string;
  readonly declaration?: string;
  readonly from?: string;
}

const HEAD = `# The interface for extensions

Printed from the types of the package by \`npx vitest run --update --project package test/package/extension-api\`; do not edit it.
[extending.md](extending.md) says how to use it.
`;

/** The page of what extensions may import, from the type declarations that the package ships. */
export function apiPage(): string {
  const { exports } = JSON.parse(readFileSync(join(packagePaths.root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { readonly types: string }>;
  };
  const sections = Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [sectionOf(path.replace('.', 'cyberun-mcp'), entriesOf(join(packagePaths.root, target.types)))],
  );
  return [HEAD, ...sections].join('\n');
}

function sectionOf(title: string, entries: readonly ApiEntry[]): string {
  const foreign = entries
    .filter(({ from }) => from !== undefined)
    .map(({ name, from }) => `| \`${name}\` | \`${from}\` |`);
  const table =
    foreign.length === 0 ? [] : ['| From other packages | Package |', '| --- | --- |', ...foreign, ''];
  const own = entries.flatMap(({ name, declaration }) =>
    declaration === undefined ? [] : [`### ${name}`, '', '```ts', declaration, '```', ''],
  );
  return [`## ${title}`, '', ...table, ...own].join('\n');
}

const parsed = (file: string): ts.SourceFile =>
  ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);

const byName = (one: ApiEntry, other: ApiEntry): number => one.name.localeCompare(other.name, 'en');

function entriesOf(file: string): ApiEntry[] {
  const source = parsed(file);
  const names = source.statements.flatMap((statement) =>
    ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)
      ? statement.exportClause.elements.map(({ name }) => name.text)
      : isExported(statement)
        ? namesOf(statement)
        : [],
  );
  return [...new Set(names)].map((name) => entryOf(file, name)).toSorted(byName);
}

/** Follows re-exports to the declaration, or out of the package. */
function entryOf(file: string, wanted: string): ApiEntry {
  const source = parsed(file);
  for (const statement of source.statements) {
    if (isExported(statement) && namesOf(statement).includes(wanted)) {
      const declarations = [...basesOf(statement, source), statement].map((each) => textOf(each, source));
      return { name: wanted, declaration: declarations.join('\n\n') };
    }
    if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) continue;
    const clause = statement.exportClause;
    if (!clause || !ts.isNamedExports(clause)) continue;
    const found = clause.elements.find(({ name }) => name.text === wanted);
    if (!found) continue;
    const specifier = (statement.moduleSpecifier as ts.StringLiteral).text;
    if (!specifier.startsWith('.')) return { name: wanted, from: specifier };
    const next = join(dirname(file), specifier.replace(/\.js$/, '.d.ts'));
    if (!existsSync(next)) throw new Error(`${next} is missing: npm run build`);
    return { ...entryOf(next, (found.propertyName ?? found.name).text), name: wanted };
  }
  throw new Error(`${file} does not export ${wanted}`);
}

const isExported = (statement: ts.Statement): boolean =>
  ts.canHaveModifiers(statement) &&
  (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.Statement & { readonly name?: ts.Identifier };
  return name ? [name.text] : [];
}

/** The class of the same file that a class extends: its members are those of both. */
function basesOf(statement: ts.Statement, { statements }: ts.SourceFile): ts.Statement[] {
  if (!ts.isClassDeclaration(statement)) return [];
  const extended = new Set(
    (statement.heritageClauses ?? []).flatMap(({ types }) =>
      types.map(({ expression }) => expression.getText()),
    ),
  );
  return statements.filter((other) => ts.isClassDeclaration(other) && extended.has(other.name?.text ?? ''));
}

/** A declaration with its comments and without private members. */
function textOf(statement: ts.Statement, source: ts.SourceFile): string {
  const text = source.text.slice(
    ts.getLeadingCommentRanges(source.text, statement.pos)?.at(-1)?.pos ?? statement.getStart(),
    statement.end,
  );
  const hidden = ts.isClassDeclaration(statement)
    ? statement.members.filter(isPrivate).map((member) => member.getText())
    : [];
  return hidden
    .reduce((rest, member) => rest.replace(`    ${member}\n`, ''), text)
    .replace(/^export declare /m, 'export ');
}

const isPrivate = (member: ts.ClassElement): boolean =>
  ts.canHaveModifiers(member) &&
  (ts.getModifiers(member) ?? []).some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
