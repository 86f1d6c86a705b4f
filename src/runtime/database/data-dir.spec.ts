import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { prepareDataDir } from './data-dir.js';

const OTHER = 54_321;
const isRoot = process.geteuid?.() === 0;

let home: string;
let folder: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyberun-private-'));
  folder = join(home, 'data');
  await mkdir(folder);
});
afterEach(() => rm(home, { recursive: true, force: true }));

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
/** Only root can give a file away; other users are refused what belongs to root. */
const foreign = async (): Promise<string> => {
  if (!isRoot) return '/usr';
  await chown(folder, OTHER, OTHER);
  return folder;
};

it.each([0o755, 0o777, 0o750, 0o701, 0o2775])(
  'an existing data folder with mode %o is closed to other users',
  async (mode) => {
    await chmod(folder, mode);
    await mkdir(join(folder, 'lost+found'));
    await prepareDataDir(folder);
    expect(await modeOf(folder)).toBe(0o700);
    await chmod(folder, mode);
    await mkdir(join(folder, 'database'));
    await writeFile(join(folder, 'notes.txt'), '');
    await prepareDataDir(folder);
    expect(await modeOf(folder)).toBe(0o700);
  },
);

it('a folder with other files is refused instead of closed, but used once its user has closed it', async () => {
  await chmod(folder, 0o755);
  await writeFile(join(folder, 'notes.txt'), '');
  await expect(prepareDataDir(folder)).rejects.toThrow(
    `CYBERUN_DATA_DIR is "${folder}", but other users can open ${folder}, which holds other files too`,
  );
  expect(await modeOf(folder)).toBe(0o755);
  await chmod(folder, 0o700);
  expect(await prepareDataDir(folder)).toBe(folder);
});

it('a data folder of another user is refused, with what to do', async () => {
  const path = await foreign();
  await expect(prepareDataDir(path)).rejects.toThrow(
    /^CYBERUN_DATA_DIR is "[^\n]+ (belongs to user|is closed to this user)[^\n]+ Example: \S+$/,
  );
});

it('a data folder with a file of another user is refused by the name of the file', async () => {
  const path = join(folder, 'files-secret');
  await writeFile(path, '');
  if (isRoot) await chown(path, OTHER, OTHER);
  else await chmod(path, 0);
  await expect(prepareDataDir(folder)).rejects.toThrow(`but ${path} `);
});
