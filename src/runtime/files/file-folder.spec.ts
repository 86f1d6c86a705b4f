import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { FileFolder } from './file-folder.js';
import { inputKey } from './file-key.js';

let path: string;
let folder: FileFolder;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'cyberun-files-'));
  folder = new FileFolder(path);
});
afterEach(() => rm(path, { recursive: true, force: true }));

const body = (content: string): Readable => Readable.from([Buffer.from(content)]);
const newKey = (): string => inputKey('team', 'a.txt', 'text/plain');

it('the store keeps the first of concurrent uploads of a file', async () => {
  const key = newKey();
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => folder.write(key, body('hello'), { size: 5 })));
  expect(outcomes.toSorted()).toEqual(['exists', 'exists', 'exists', 'stored']);
  expect(await folder.find(key)).toMatchObject({ size: 5 });
  expect(await text(folder.read(key))).toBe('hello');
  expect(await text(folder.read(key, { start: 1, end: 2 }))).toBe('el');
  expect(await readdir(join(path, 'drafts'))).toEqual([]);
});

it('the store drops a body that is shorter than announced or aborted', async () => {
  const key = newKey();
  expect(await folder.write(key, body('hell'), { size: 5 })).toBe('incomplete');
  const broken = new Readable({ read: () => undefined });
  const outcome = folder.write(key, broken, { size: 5 });
  broken.destroy();
  expect(await outcome).toBe('incomplete');
  expect(await folder.find(key)).toBeUndefined();
  expect(await readdir(join(path, 'drafts'))).toEqual([]);
});

it('the store removes files older than a time, and empty folders', async () => {
  const [old, young] = [newKey(), newKey()];
  for (const key of [old, young]) await folder.write(key, body('x'), { size: 1 });
  await utimes(join(path, old), new Date(1000), new Date(1000));
  await folder.removeOlder('inputs', new Date(2000));
  expect(await folder.find(old)).toBeUndefined();
  expect(await folder.find(young)).toBeDefined();
  expect(await readdir(join(path, 'inputs', 'team'))).toHaveLength(1);
  await folder.removeOlder('outputs', new Date());
});

it('the store refuses an invalid key', async () => {
  await expect(folder.write('../outside', body('x'), { size: 1 })).rejects.toThrow('not a key');
});
