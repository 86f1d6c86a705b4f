import { globSync } from 'node:fs';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { handWritten } from '../support/documents.js';

const files = globSync(['{.,}*.{mjs,ts}', '{src,test,scripts,bench}/**/*.{mjs,ts}'], {
  cwd: packagePaths.root,
  exclude: (name) => name.endsWith('node_modules'),
});
const isThere = (path: string): boolean => files.some((file) => `/${file}`.endsWith(`/${path}`));

/** Paths in code font: from the root everywhere, and in the description of the code by the end of the path alone. */
function namedFiles(path: string, text: string): string[] {
  const named = [...text.matchAll(/`([\w./-]+\.(?:ts|mjs))`/g)].map(([, name = '']) => name);
  return path === 'ARCHITECTURE.md'
    ? named
    : named.filter((name) => /^(?:src|test|scripts|bench)\//.test(name));
}

it.each(handWritten())('$path names only source files that exist', ({ path, text }) => {
  expect(namedFiles(path, text).filter((name) => !isThere(name))).toEqual([]);
});

it('the check of file names finds those in ARCHITECTURE.md', () => {
  const architecture = handWritten().find(({ path }) => path === 'ARCHITECTURE.md');
  expect(namedFiles('ARCHITECTURE.md', architecture?.text ?? '').length).toBeGreaterThan(10);
});
