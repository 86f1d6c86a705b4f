import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';

const table = join(packagePaths.root, '.dependency-cruiser.mjs');
const { arrows } = (await import(table)) as { readonly arrows: Readonly<Record<string, readonly string[]>> };
const areas = readdirSync(join(packagePaths.root, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

it('every folder of src has its arrows, and every arrow its folder', () => {
  expect(areas).not.toHaveLength(0);
  expect(Object.keys(arrows).toSorted()).toEqual(areas.toSorted());
});

it('arrows lead to areas there are', () => {
  const ends = Object.values(arrows).flat();
  expect(ends).not.toHaveLength(0);
  expect(areas).toEqual(expect.arrayContaining(ends));
});
