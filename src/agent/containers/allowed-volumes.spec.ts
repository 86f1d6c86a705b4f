import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { AllowedVolumes } from './allowed-volumes.js';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'volumes-')));
for (const name of ['read/inner', 'write', 'other']) mkdirSync(join(folder, name), { recursive: true });
symlinkSync(join(folder, 'other'), join(folder, 'write/out'));
symlinkSync(join(folder, 'write'), join(folder, 'link'));
afterAll(() => rmSync(folder, { recursive: true }));

const check = (path: string, read_only: boolean, ...allowed: string[]) =>
  new AllowedVolumes(allowed.map((entry) => join(folder, entry))).check({
    host_path: join(folder, path),
    container_path: '/mnt',
    read_only,
  });

it.each([
  ['read', true, 'read:ro', 'read'],
  ['read/inner', true, 'read:ro', 'read/inner'],
  ['write', false, 'write', 'write'],
  ['write', false, 'write:rw', 'write'],
  ['write/out', true, 'other:ro,write', 'other'],
  ['link', false, 'link', 'write'],
])('a volume %s with read only %s is allowed by %s', async (path, read_only, allowed, real) => {
  const volume = await check(path, read_only, ...allowed.split(','));
  expect(volume).toEqual({ host_path: join(folder, real), container_path: '/mnt', read_only });
});

it.each([
  ['other', true, 'read:ro', 'is not allowed on this agent; the operator of the agent allows volumes with'],
  ['readable', true, 'read:ro', 'is not allowed on this agent'],
  ['read/../other', true, 'read:ro', 'is not allowed on this agent'],
  ['read', false, 'read:ro', 'for reading only: add ":ro"'],
  ['write/out', true, 'write', 'is a link to a place that is not allowed'],
  ['write/none', true, 'write', 'does not exist on this agent'],
])('a volume %s with read only %s is refused where %s is allowed', async (path, read_only, allowed, why) => {
  await expect(check(path, read_only, allowed)).rejects.toThrow(why);
});
