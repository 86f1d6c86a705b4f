import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { packageVersion } from '../../src/config/index.js';
import { openCommandDatabase } from '../../src/runtime/database/index.js';
import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { type CommandOutcome, command } from '../support/in-process-command.js';
import { emptyDatabaseSettings } from '../support/shared-postgresql.js';

let settings: Record<string, string>;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cyberun-migrate-'));
  settings = { ...(await emptyDatabaseSettings(folder)), CYBERUN_DATA_DIR: join(folder, 'none') };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const migrate = (): Promise<CommandOutcome> => command(settings, 'migrate');

async function schemasWithTables(): Promise<string[]> {
  const database = await openCommandDatabase({
    dataDir: join(folder, 'none'),
    databaseUrl: settings['CYBERUN_DATABASE_URL'],
  });
  const { rows } = await sql<{ name: string }>`
    select distinct table_schema as name from information_schema.tables
    where table_name in ('task', 'job')`.execute(database.db);
  await database.close();
  return rows.map(({ name }) => name).sort();
}

it('migrate makes the tables of the runtime and of its queue, beside nodes that start at the same time', async () => {
  const done = {
    exitCode: 0,
    stdout: '',
    stderr: `The tables in the database of CYBERUN_DATABASE_URL are those of version ${packageVersion}.\n`,
  };
  const { CYBERUN_DATABASE_URL = '' } = settings;
  const definitions = { 'echo.yaml': echoWorkflow('echo') };
  const node = RuntimeServer.start(definitions, { env: { CYBERUN_DATABASE_URL } });
  expect(await migrate()).toEqual(done);
  expect(await schemasWithTables()).toEqual(['pgboss', 'public']);
  await using server = await node;
  expect((await server.get('/r/workflows')).body.workflow_list).toHaveLength(1);
  expect(await migrate()).toEqual(done);
  expect(await readdir(folder)).toEqual([]);
});

it('migrate refuses a database that a newer version has written', async () => {
  const database = await openCommandDatabase({
    dataDir: join(folder, 'none'),
    databaseUrl: settings['CYBERUN_DATABASE_URL'],
  });
  await sql`insert into kysely_migration values ('9999-later', '2030-01-01')`.execute(database.db);
  await database.close();
  const { exitCode, stderr } = await migrate();
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^The database of CYBERUN_DATABASE_URL was written by a newer version of cyberun-mcp/,
  );
});
