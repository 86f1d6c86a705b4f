import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { commandLine } from '../../src/command-line.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { emptyDatabaseSettings } from '../support/shared-postgresql.js';

const mask = process.umask();

let settings: Record<string, string>;
let folder: string;
beforeAll(async () => {
  settings = await emptyDatabaseSettings('keys before the first server');
  folder = await mkdtemp(join(tmpdir(), 'cyberun-keys-'));
});
afterAll(async () => {
  process.umask(mask);
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command on the database; returns what it prints on standard output. */
async function command(...args: string[]): Promise<string> {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => (out += String(text)) !== '');
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
  vi.stubEnv('CYBERUN_DATA_DIR', join(folder, 'none'));
  try {
    await commandLine().parseAsync(args, { from: 'user' });
    if (args[1] === 'create' && args[0] === 'keys')
      expect(String(err.mock.lastCall?.[0])).toContain(
        'every server on the database of CYBERUN_DATABASE_URL',
      );
  } finally {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  }
  return out;
}

it('the commands make teams and keys on a database server before and beside its nodes, and need no data folder', async () => {
  await command('teams', 'create', 'lab');
  const before = (await command('keys', 'create', '--team', 'lab', '--name', 'before')).trim();
  await using server = await RuntimeServer.start({}, { env: settings });
  expect((await server.get('/r/workflows', before)).status).toBe(200);
  const beside = (await command('keys', 'create', '--name', 'beside')).trim();
  expect((await server.get('/r/workflows', beside)).status).toBe(200);
  const listed = await command('keys', 'list', '--team', 'lab');
  const [, row = ''] = listed.split('\n');
  expect(row).toMatch(/ lab +before$/);
  await command('keys', 'revoke', row.split(' ')[0] ?? '');
  expect((await server.get('/r/workflows', before)).status).toBe(401);
  expect(await readdir(folder)).toEqual([]);
});
