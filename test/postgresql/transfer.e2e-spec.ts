import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { echoWorkflow, PretendAgent, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { type CommandOutcome, command } from '../support/in-process-command.js';
import { setup as initialiseTemplate } from '../support/initialised-database.js';
import { PostgresqlServer } from '../support/postgresql-server.js';

/** A place for a runtime: a folder, and perhaps a database of its own. */
interface Place {
  readonly home: string;
  readonly settings: Record<string, string>;
}

let postgresql: PostgresqlServer;
let folder: string;
/** Written by the first test. */
let archive: string;
const taskIds = { done: '', odd: '', waiting: '', running: '' };
let key: string;

async function place(databaseUrl = ''): Promise<Place> {
  const home = await mkdtemp(join(folder, 'runtime-'));
  return { home, settings: { CYBERUN_DATA_DIR: join(home, 'data'), CYBERUN_DATABASE_URL: databaseUrl } };
}

function start({ home, settings }: Place): Promise<RuntimeServer> {
  const leave = 'echo left > output/a.txt; echo a line';
  const files = {
    'leave.yaml': shellWorkflow('leave', leave),
    'far.yaml': shellWorkflow('far', 'echo done', { labels: 'far' }),
    'echo.yaml': echoWorkflow('echo'),
  };
  return RuntimeServer.start(files, { folder: home, env: settings });
}

/** The rows of a printed table, by their first cell. */
const tableOf = ({ stdout }: CommandOutcome): Map<string, string[]> =>
  new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/))
      .map(([name = '', ...cells]) => [name, cells] as const),
  );

/** A digest of every row of some tables. */
async function digests(server: RuntimeServer): Promise<unknown> {
  const { db } = server.app.get(Database, { strict: false });
  const tables = ['task_file', 'workflow_version', 'idempotency_key', 'bundle'];
  return Promise.all(
    tables.map(async (name) => {
      const { rows } =
        await sql`select md5(coalesce(string_agg(t::text, '' order by t::text), '')) as digest, count(*)
        from ${sql.table(name)} as t`.execute(db);
      return [name, rows[0]];
    }),
  );
}

beforeAll(async () => {
  await initialiseTemplate();
  postgresql = await PostgresqlServer.start();
  folder = await mkdtemp(join(tmpdir(), 'cyberun-transfer-'));
  archive = join(folder, 'export.tar.gz');
});
afterAll(async () => {
  await postgresql[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Makes a task that has ended with a file, one that waits and one that runs, and a key of another team. */
async function fill(server: RuntimeServer, settings: Record<string, string>): Promise<void> {
  await command(settings, 'teams', 'create', 'lab');
  key = (await command(settings, 'keys', 'create', '--team', 'lab')).stdout.trim();
  const agent = await TestAgent.start(server);
  taskIds.done = await server.submit('leave', {});
  expect((await server.events(taskIds.done)).at(-1)?.event).toBe('completed');
  await agent[Symbol.asyncDispose]();
  taskIds.waiting = await server.submit('far', {});
  taskIds.odd = await server.submit('echo', { text: 'a\u0000b' });
  await server.call('POST', `/r/tasks/${taskIds.odd}/cancel`);
  taskIds.running = await server.submit('echo');
  const pretend = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
  await pretend.connect();
  await server.runs.started(await pretend.take());
  await pretend.disconnect();
}

/** Checks at another place that nothing is lost, and runs what had not ended. */
async function finish(server: RuntimeServer): Promise<void> {
  const { body: result } = await server.get(`/r/tasks/${taskIds.done}/result`);
  expect(await (await fetch(result.download_urls['a.txt'] as string)).text()).toBe('left\n');
  expect((await server.get('/r/workflows', key)).body.workflow_list).toEqual([]);
  const odd = await server.get(`/r/tasks/${taskIds.odd}`);
  expect(odd.body).toMatchObject({ task_status: 'cancelled', parameters: { text: 'a\u0000b' } });
  await using _far = await TestAgent.start(server, { agentId: 'far', labels: ['far', 'local'] });
  for (const id of [taskIds.waiting, taskIds.running])
    expect((await server.events(id)).at(-1)?.event).toBe('completed');
  const { body } = await server.get(`/r/tasks/${taskIds.running}`);
  expect(body).toMatchObject({ attempt_count: 2, interrupted_count: 0, retry_count: 0 });
}

it('an export of an embedded database is imported into PostgreSQL with every row and file, and its open tasks run there', async () => {
  const from = await place();
  let before: unknown;
  {
    const server = await start(from);
    await fill(server, from.settings);
    before = await digests(server);
    const refused = await command(from.settings, 'export', archive);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('is in use by process');
    await server.stop();
    const exported = await command(from.settings, 'export', archive);
    expect(exported).toMatchObject({ exitCode: 0 });
    expect(exported.stderr).toContain('keep it like a password (only this user can read it)');
    expect(tableOf(exported).get('task')).toEqual(['4']);
    expect(tableOf(exported).get('files')).toEqual(['1 (5 bytes)']);
    expect((await stat(archive)).mode & 0o777).toBe(0o600);
    expect((await command(from.settings, 'export', archive)).stderr).toContain('exists already');
  }
  const to = await place(await postgresql.newDatabase());
  const imported = await command(to.settings, 'import', archive);
  expect(imported).toMatchObject({
    exitCode: 0,
    stderr: '1 task(s) were with an agent at the export; they run again from the beginning.\n',
  });
  const rows = tableOf(imported);
  expect(rows.get('task')).toEqual(['4', '4']);
  expect(rows.get('credential')?.[1]).toBe(rows.get('credential')?.[0]);
  expect(rows.has('runtime_node')).toBe(false);
  await using server = await start(to);
  expect(await digests(server)).toEqual(before);
  await finish(server);
});

it('an export goes back from PostgreSQL to an embedded database', async () => {
  const from = await place(await postgresql.newDatabase());
  await command(from.settings, 'import', archive);
  const back = join(folder, 'back.tar.gz');
  expect((await command(from.settings, 'export', back)).exitCode).toBe(0);
  const to = await place();
  const imported = await command(to.settings, 'import', back);
  expect(imported.stderr).toBe('');
  expect(tableOf(imported).get('task')).toEqual(['4', '4']);
  await using server = await start(to);
  await finish(server);
});

it('an import is refused when the database is not empty, servers use it, or the export is damaged, and changes nothing', async () => {
  const to = await place(await postgresql.newDatabase());
  const cut = join(folder, 'cut.tar.gz');
  const bytes = await readFile(archive);
  await writeFile(cut, bytes);
  await truncate(cut, bytes.length - 100);
  const damaged = await command(to.settings, 'import', cut);
  expect(damaged.exitCode).toBe(1);
  expect(damaged.stderr).toMatch(
    /^The export cannot be imported: .*\. Nothing was imported\. Export again\.$/,
  );
  await writeFile(cut, 'not an export');
  expect((await command(to.settings, 'import', cut)).stderr).toMatch(/^The export cannot be imported: /);
  expect((await command(to.settings, 'import', join(folder, 'none'))).stderr).toContain('There is no file');

  expect((await command(to.settings, 'import', archive)).exitCode).toBe(0);
  expect((await command(to.settings, 'import', archive)).stderr).toMatch(
    /^The database is not empty: its table \w+ has \d+ rows\./,
  );
  await using _server = await start(to);
  const beside = { ...to.settings, CYBERUN_DATA_DIR: join(to.home, 'other') };
  expect((await command(beside, 'export', join(folder, 'beside'))).stderr).toMatch(
    /^1 server\(s\) use the database of CYBERUN_DATABASE_URL: http:.*\. Stop them first/,
  );
});

it('files stay in the bucket of an object store, and an import says how those of an export get there', async () => {
  const bucket = {
    CYBERUN_S3_ENDPOINT: 'http://127.0.0.1:9',
    CYBERUN_S3_BUCKET: 'files',
    CYBERUN_S3_ACCESS_KEY_ID: 'id',
    CYBERUN_S3_SECRET_ACCESS_KEY: 'secret',
  };
  const url = await postgresql.newDatabase();
  const settings = { ...(await place(url)).settings, ...bucket };
  const imported = await command(settings, 'import', archive);
  expect(imported.stderr).toContain(
    'The 1 files of the export were not imported, since files are kept in an object store here. Take them out (tar -xzf FILE files)',
  );
  const exported = await command(settings, 'export', join(folder, 'bucket.tar.gz'));
  expect(exported.stderr).toContain('Files are in the object store and are not in the export');
  expect(tableOf(exported).get('files')).toEqual(['0 (0 bytes)']);
});
