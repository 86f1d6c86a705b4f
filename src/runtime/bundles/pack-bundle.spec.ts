import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { list } from 'tar';
import { expect, it, onTestFinished } from 'vitest';

import { type Bundle, packBundle } from './pack-bundle.js';

async function folderOf(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

function pathsOf(bundle: Bundle | undefined): string[] {
  const paths: string[] = [];
  const parser = list({ sync: true, onReadEntry: ({ path }) => paths.push(path) });
  parser.end(bundle?.archive ?? Buffer.alloc(0));
  return paths;
}

it('a bundle holds the named files and folders, and nothing else of the folder', async () => {
  const folder = await folderOf({
    'a.yaml': 'x',
    'a/one.txt': '1',
    'a/deep/two.txt': '2',
    'b.mjs': '3',
    c: '4',
  });
  expect(pathsOf(await packBundle(folder, ['b.mjs', 'a', 'missing']))).toEqual([
    'a/deep/two.txt',
    'a/one.txt',
    'b.mjs',
  ]);
});

it('a definition without files has no bundle', async () => {
  expect(await packBundle(await folderOf({ 'a.yaml': 'x' }), ['a'])).toBeUndefined();
});

it('the hash depends on names, contents and modes, not on times or order', async () => {
  const one = await folderOf({ 'a/1': 'x', 'a/2': 'y' });
  const other = await folderOf({ 'a/2': 'y', 'a/1': 'x' });
  await utimes(join(other, 'a/1'), 1, 1);
  const hash = (await packBundle(one, ['a']))?.hash;
  expect((await packBundle(other, ['a']))?.hash).toBe(hash);
  await chmod(join(other, 'a/1'), 0o755);
  expect((await packBundle(other, ['a']))?.hash).not.toBe(hash);
  await writeFile(join(one, 'a/1'), 'z');
  expect((await packBundle(one, ['a']))?.hash).not.toBe(hash);
});

it('links are followed, as in a Kubernetes volume, and a link to a folder above ends there', async () => {
  const folder = await folderOf({ '..data/tool.sh': 'echo', 'a/x': '1' });
  await symlink('../..data/tool.sh', join(folder, 'a/tool.sh'));
  await symlink('..', join(folder, 'a/back'));
  expect(pathsOf(await packBundle(folder, ['a']))).toEqual(['a/tool.sh', 'a/x']);
});

it('files over the limits are refused with what to do', async () => {
  const folder = await folderOf({ 'a/1': 'x'.repeat(600), 'a/2': 'y'.repeat(600) });
  await expect(packBundle(folder, ['a'], { files: 1, bytes: 5000 })).rejects.toThrow(/a\/2.*absolute path/);
  await expect(packBundle(folder, ['a'], { files: 9, bytes: 1000 })).rejects.toThrow(/a\/2.*absolute path/);
});
