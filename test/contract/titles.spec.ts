import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';
import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';

/** No sentence begins with one of these: a title that does needs its describe to be read. */
const FRAGMENT = /^(is|are|was|were|has|have|had|does|may|must|can|cannot|and|but|or|which|who)\b/i;

const titles = globSync(['src/**/*.spec.ts', 'test/**/*spec.ts'], { cwd: packagePaths.root }).flatMap(
  titlesOf,
);

/** Titles of `it`, `it.each` and the like in a file. */
function titlesOf(file: string): string[] {
  const text = readFileSync(join(packagePaths.root, file), 'utf8');
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node) || !/^it\b/.test(node.expression.getText())) return;
    const [title, ...rest] = node.arguments;
    if (title && rest.length > 0 && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title)))
      found.push(title.getText().slice(1, -1));
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

it('every test title is a sentence of three words or more, and does not begin with its verb', () => {
  expect(titles.length).toBeGreaterThan(700);
  expect(titles.filter((title) => FRAGMENT.test(title) || title.split(' ').length < 3)).toEqual([]);
});
