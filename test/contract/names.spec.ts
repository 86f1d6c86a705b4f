import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';

const figures = join(packagePaths.root, 'scripts/metrics/source-figures.mjs');
const { exportedTwice, readSources } = (await import(figures)) as {
  readSources: (root: string) => readonly { file: string }[];
  exportedTwice: (sources: readonly { file: string }[]) => Readonly<Record<string, readonly string[]>>;
};
const sources = readSources(packagePaths.root);

it('no two files of src export a declaration of the same name', () => {
  expect(exportedTwice(sources), 'rename one of each').toEqual({});
});

it('the check of names finds the sources', () => {
  expect(sources.map(({ file }) => file)).toContain('src/main.ts');
});
