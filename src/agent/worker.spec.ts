import { chmod, chown, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { ownFolder } from './worker.js';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'own-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

it('a work folder that other users may write to is closed to them', async () => {
  const path = await folder();
  await chmod(path, 0o2775);
  await ownFolder(path, '--work-dir');
  expect((await stat(path)).mode & 0o777).toBe(0o700);
});

it('a missing work folder is created', async () => {
  const path = join(await folder(), 'a', 'b');
  await ownFolder(path, '--work-dir');
  expect((await stat(path)).mode & 0o777).toBe(0o700);
});

it('a work folder that cannot be created is refused with the option that names another', async () => {
  const path = join(await folder(), 'file');
  await writeFile(path, '');
  await expect(ownFolder(join(path, 'work'), '--work-dir')).rejects.toThrow(/cannot be made.*--work-dir/);
});

it('a link as a work folder is refused', async () => {
  const path = await folder();
  await symlink(tmpdir(), join(path, 'link'));
  await expect(ownFolder(join(path, 'link'), '--work-dir')).rejects.toThrow(
    /must be a folder of its own user/,
  );
});

it.runIf(process.geteuid?.() === 0)('a work folder of another user is refused', async () => {
  const path = await folder();
  await chown(path, 12_345, 0);
  await expect(ownFolder(path, '--work-dir')).rejects.toThrow(/must be a folder of its own user/);
});
