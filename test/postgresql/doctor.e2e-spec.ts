import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { updateTables } from '../../src/runtime/index.js';
import { command } from '../support/in-process-command.js';
import { emptyDatabaseSettings } from '../support/shared-postgresql.js';

let folder: string;
let databaseUrl: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-doctor-'));
  ({ CYBERUN_DATABASE_URL: databaseUrl = '' } = await emptyDatabaseSettings(folder));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function statements(...texts: string[]): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  for (const text of texts) await client.query(text);
  await client.end();
}

/** What doctor says about a database, and its exit code. */
async function doctor(url: string) {
  const settings = {
    CYBERUN_DATABASE_URL: url,
    CYBERUN_DATA_DIR: join(folder, 'none'),
    CYBERUN_HTTP_PORT: '0',
    CYBERUN_API_KEY: '',
    XDG_CONFIG_HOME: folder,
  };
  const { stdout, exitCode } = await command(settings, 'doctor', '--role', 'runtime', '--json');
  const { findings } = JSON.parse(stdout) as {
    findings: { check: string; status: string; seen: string }[];
  };
  const said = findings.filter(({ check }) => check === 'database').map(({ status, seen }) => [status, seen]);
  return { exitCode, said };
}

it('doctor distinguishes databases that are empty, up to date, older and newer, and changes none', async () => {
  const { host } = new URL(databaseUrl);
  const place = expect.stringContaining(`PostgreSQL at ${host}/`) as string;
  const empty = await doctor(databaseUrl);
  expect(empty).toEqual({ exitCode: 0, said: [['ok', place]] });
  expect(empty.said[0]?.[1]).toMatch(/without tables; serve makes them\.$/);
  await updateTables({ databaseUrl, dataDir: join(folder, 'none') });
  const current = await doctor(databaseUrl);
  expect(current.said).toEqual([['ok', expect.stringMatching(/\d+ migrations, up to date\.$/)]]);
  await statements(`delete from kysely_migration where name like '0019%'`);
  const older = await doctor(databaseUrl);
  expect(older.said).toEqual([['warning', expect.stringMatching(/: 1 of \d+ migrations are missing\.$/)]]);
  await statements(`insert into kysely_migration values ('0019-task-traces', ''), ('9999-later', '')`);
  const newer = await doctor(databaseUrl);
  expect(newer).toEqual({ exitCode: 1, said: [['failed', expect.stringContaining('(9999-later)')]] });
  await statements(`delete from kysely_migration where name = '9999-later'`);
  expect(await readdir(folder)).toEqual([]);
});

it('doctor names the rights that the user of the database lacks', async () => {
  await statements('create role doctor_guest login');
  const url = new URL(databaseUrl);
  url.username = 'doctor_guest';
  const { exitCode, said } = await doctor(url.href);
  expect(exitCode).toBe(1);
  expect(said.flat()).toEqual(
    expect.arrayContaining([expect.stringContaining('may not use or change the table task at ')]),
  );
  await statements('drop role doctor_guest');
});

it('doctor names a database that does not exist, and repeats no password', async () => {
  const url = new URL(databaseUrl);
  url.pathname = '/missing';
  url.password = 'a-secret';
  expect(await doctor(url.href)).toEqual({
    exitCode: 1,
    said: [['failed', `CYBERUN_DATABASE_URL leads to ${url.host}/missing, but there is no such database.`]],
  });
});
