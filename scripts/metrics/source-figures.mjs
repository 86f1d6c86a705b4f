// What can be counted in the files of a folder without running them.
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import ts from 'typescript';

import { findWords } from '../word-list.mjs';
import { quantile } from '../../bench/statistics.mjs';

const SMALL_LINES = 20;
const isIndexOrModule = (file) => basename(file) === 'index.ts' || file.endsWith('.module.ts');
const isSpec = (file) => file.endsWith('.spec.ts');

/** The static figures of a checkout; `root` is its folder. */
export function sourceFigures(root) {
  const product = readSources(root);
  const tests = [...read(root, 'test/**/*.{ts,mjs}'), ...read(root, 'src/**/*.spec.ts')];
  const small = product.filter(({ file, lines }) => lines < SMALL_LINES && !isIndexOrModule(file));
  const { hits, ...words } = findWords(root);
  return {
    src: { files: product.length, lines: sum(product) },
    test: { files: tests.length, lines: sum(tests) },
    areas: Object.fromEntries([...countBy(product, ({ file }) => areaOf(file))].sort(byName)),
    small: small.map(({ file }) => file),
    fileLines: spread(product.map(({ lines }) => lines)),
    functionLines: spread(product.flatMap(functionLengths)),
    duplicates: exportedTwice(product),
    words: {
      ...words,
      count: hits.length,
      byWord: Object.fromEntries([...countBy(hits, ({ word }) => word)].sort(([, a], [, b]) => b - a)),
    },
  };
}

/** The files of src, without specs. */
export const readSources = (root) => read(root, 'src/**/*.ts').filter(({ file }) => !isSpec(file));

/** Names of types, classes, functions and values that two files of src declare and export, with the files. */
export function exportedTwice(sources) {
  const files = new Map();
  for (const { file, syntax } of sources)
    for (const name of exportedNames(syntax)) files.set(name, [...(files.get(name) ?? []), file]);
  return Object.fromEntries([...files].filter(([, in_]) => in_.length > 1).sort(byName));
}

function read(root, pattern) {
  return globSync(pattern, { cwd: root })
    .sort()
    .map((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      return {
        file,
        lines: text.split('\n').length - 1,
        syntax: ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true),
      };
    });
}

/** Lines of every function with a body, from its first to its last; arrow functions and methods are functions. */
function functionLengths({ syntax }) {
  const lengths = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node) && node.body) {
      const first = syntax.getLineAndCharacterOfPosition(node.getStart()).line;
      const last = syntax.getLineAndCharacterOfPosition(node.end).line;
      lengths.push(last - first + 1);
    }
    ts.forEachChild(node, visit);
  };
  visit(syntax);
  return lengths;
}

/** A set, since a type and a value of one name in one file are one export to a reader, as overloads are. */
function exportedNames(syntax) {
  const names = new Set();
  for (const statement of syntax.statements) {
    const isExported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(isExport);
    if (!isExported) continue;
    const declarations = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations
      : [statement];
    for (const { name } of declarations) if (name && ts.isIdentifier(name)) names.add(name.text);
  }
  return names;
}

const isExport = ({ kind }) => kind === ts.SyntaxKind.ExportKeyword;
const areaOf = (file) => (file.split('/').length > 2 ? file.split('/')[1] : '(src)');
const sum = (files) => files.reduce((total, { lines }) => total + lines, 0);
const spread = (values) => ({
  p50: Math.round(quantile(values, 0.5)),
  p99: Math.round(quantile(values, 0.99)),
  max: Math.max(...values),
});

function countBy(items, keyOf) {
  const counts = new Map();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function byName([a], [b]) {
  return a.localeCompare(b);
}
