import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { StartError } from '../../config/index.js';
import { ownAccount } from './files-secret.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-secret-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('the secret is created once, readable by its owner only, and leaves no other file', async () => {
  const { secretAccessKey } = await ownAccount(folder);
  expect(secretAccessKey).toMatch(/^[0-9a-f]{64}$/);
  expect((await ownAccount(folder)).secretAccessKey).toBe(secretAccessKey);
  expect(await readdir(folder)).toEqual(['files-secret']);
  expect((await stat(join(folder, 'files-secret'))).mode & 0o777).toBe(0o600);
});

it.each([[''], ['ab'], ['0'.repeat(63)], ['0'.repeat(65)], ['\0'.repeat(64)], [' '.repeat(64)]])(
  'a secret is refused, never used, when its file holds %j',
  async (text) => {
    await writeFile(join(folder, 'files-secret'), text);
    const refused = ownAccount(folder);
    await expect(refused).rejects.toThrow(StartError);
    await expect(refused).rejects.toThrow(
      /files-secret, which signs the links to files, is damaged: .*delete it/,
    );
    expect(await readFile(join(folder, 'files-secret'), 'utf8')).toBe(text);
  },
);

it('a secret that cannot be written leaves no partial file', async () => {
  await rm(folder, { recursive: true });
  await expect(ownAccount(folder)).rejects.toThrow(StartError);
});
