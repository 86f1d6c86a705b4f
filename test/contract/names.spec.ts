import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';

const figures = join(packagePaths.root, 'scripts/metrics/source-figures.mjs');
const { exportedTwice, readSources } = (await import(figures)) as {
  readSources: (root: string) => readonly { file: string }[];
  exportedTwice: (sources: readonly { file: string }[]) => Readonly<Record<string, readonly string[]>>;
};
const sources = readSources(packagePaths.root);

/** Names that are still declared twice. Take out what you rename; add nothing. */
const STILL_TWICE = [
  'AgentsModule',
  'HostedService',
  'Schema',
  'TasksModule',
  'TasksService',
  'WorkflowsModule',
  'WorkflowsService',
  'isObject',
];

it('no two files of src export a declaration of the same name', () => {
  const twice = exportedTwice(sources);
  const isNew = Object.entries(twice).filter(([name]) => !STILL_TWICE.includes(name));
  expect(Object.fromEntries(isNew), 'names that are new; rename one of each').toEqual({});
});

it('the list of names that are still declared twice names nothing that was renamed', () => {
  expect(STILL_TWICE.filter((name) => !Object.hasOwn(exportedTwice(sources), name))).toEqual([]);
});

it('the check of names finds the sources', () => {
  expect(sources.map(({ file }) => file)).toContain('src/main.ts');
});
