import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';

const table = join(packagePaths.root, '.dependency-cruiser.mjs');
type Arrows = Readonly<Record<string, readonly string[]>>;
const { arrows, rooms } = (await import(table)) as { readonly arrows: Arrows; readonly rooms: Arrows };

const foldersOf = (path: string): string[] =>
  readdirSync(join(packagePaths.root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
const areas = foldersOf('src');

it('every folder of src has its arrows, and every arrow its folder', () => {
  expect(areas).not.toHaveLength(0);
  expect(Object.keys(arrows).toSorted()).toEqual(areas.toSorted());
});

it('every arrow leads to an existing area', () => {
  const ends = Object.values(arrows).flat();
  expect(ends).not.toHaveLength(0);
  expect(areas).toEqual(expect.arrayContaining(ends));
});

it('every folder of src/mcp is a room with arrows, and the arrows of a room lead only further down', () => {
  const names = Object.keys(rooms);
  expect(names.toSorted()).toEqual(foldersOf('src/mcp').toSorted());
  for (const [index, name] of names.entries())
    expect(names.slice(index + 1), name).toEqual(expect.arrayContaining([...(rooms[name] ?? [])]));
});
