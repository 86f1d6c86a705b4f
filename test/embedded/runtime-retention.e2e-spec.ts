import { type RawBuilder, sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database, TEAM_ID, uuidV7 } from '../../src/runtime/database/index.js';
import { expiredFiles, oldestAnswers } from '../../src/runtime/files/index.js';
import { Retention } from '../../src/runtime/retention/index.js';
import { echoWorkflow, PretendAgent, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const COUNT = 3000;
let server: RuntimeServer;
let agent: PretendAgent;

beforeAll(async () => {
  const files = { 'echo.yaml': echoWorkflow('echo'), 'many.yaml': echoWorkflow('many') };
  const env = {
    CYBERUN_TASKS_ENDED_DAYS: '30',
    CYBERUN_TASKS_ENDED_COUNT: String(COUNT),
    CYBERUN_WORKFLOWS_VERSION_DAYS: '10',
    CYBERUN_KEYS_ENDED_DAYS: '5',
  };
  server = await RuntimeServer.start(files, { env });
  agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
  await agent.connect();
});
afterAll(() => server[Symbol.asyncDispose]());

const db = () => server.app.get(Database, { strict: false }).db;
const run = (statement: RawBuilder<unknown>) => statement.execute(db());
const sweep = () => server.app.get(Retention, { strict: false }).sweep();

/** Rows of a table about a task. */
async function rowsOf(table: 'task_event' | 'task_file', taskId: string): Promise<number> {
  const rows = await db().selectFrom(table).select('task_id').where('task_id', '=', taskId).execute();
  return rows.length;
}

async function endedTask(daysAgo: number): Promise<string> {
  const taskId = await server.submit('echo');
  const file = { name: 'a.txt', size: 1, content_type: 'text/plain' };
  await server.runs.completed(await agent.take(), 'done', [{ file, fileKey: `outputs/${taskId}` }]);
  await run(
    sql`update task set completed_at = now() - make_interval(days => ${daysAgo}) where id = ${taskId}`,
  );
  return taskId;
}

/** Adds ended tasks as rows, each with so many events. */
async function fill(count: number, events: number): Promise<void> {
  await run(sql`with added as (
      insert into task (id, team_id, workflow_id, workflow_version, required_labels, task_status, parameters,
        submission, max_retries, last_sequence, completed_at)
      select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, team_id, id, version, '{}', 'completed',
        '{}', '{}', 0, ${events}::integer, now()
      from workflow, generate_series(1, ${count}::integer) as n where workflow_slug = 'many' returning id, team_id
    ) insert into task_event (task_id, team_id, sequence, event, data)
      select id, team_id, sequence, 'progress', '{}' from added, generate_series(1, ${events}::integer) as sequence`);
}

it('a task is removed with its events and files when it ended long enough ago, and an open task never', async () => {
  const old = await endedTask(31);
  const recent = await endedTask(29);
  const open = await server.submit('echo');
  await run(sql`update task set created_at = now() - interval '90 days' where id = ${open}`);
  await sweep();
  expect((await server.get(`/r/tasks/${old}`)).status).toBe(404);
  expect([await rowsOf('task_event', old), await rowsOf('task_file', old)]).toEqual([0, 0]);
  expect((await server.get(`/r/tasks/${recent}`)).status).toBe(200);
  expect(await rowsOf('task_event', recent)).toBeGreaterThan(0);
  expect((await server.get(`/r/tasks/${open}`)).body.task_status).toBe('pending');
  await server.call('POST', `/r/tasks/${open}/cancel`);
});

it('the oldest ended tasks of a team are removed when it has more than are kept', async () => {
  await fill(COUNT, 4);
  const newest = await endedTask(0);
  await sweep();
  const { kept } = await db()
    .selectFrom('task')
    .select(({ fn }) => fn.countAll<string>().as('kept'))
    .executeTakeFirstOrThrow();
  expect(Number(kept)).toBe(COUNT);
  expect((await server.get(`/r/tasks/${newest}`)).status).toBe(200);
  expect((await server.get('/r/tasks/00000000-0000-7000-8000-000000000001')).status).toBe(404);
  expect((await server.get('/r/tasks/00000000-0000-7000-8000-000000000bb8')).status).toBe(200);
});

it('an old workflow version stays while it is the newest, or a task uses it', async () => {
  const versions = async (): Promise<number[]> => {
    const rows = await db()
      .selectFrom('workflow_version as v')
      .innerJoin('workflow as w', 'w.id', 'v.workflow_id')
      .select('v.version')
      .where('w.workflow_slug', '=', 'echo')
      .orderBy('v.version')
      .execute();
    return rows.map(({ version }) => version);
  };
  await run(sql`insert into workflow_version (workflow_id, team_id, version, content_hash, definition, created_at)
    select workflow_id, v.team_id, v.version + n, 'hash ' || n, definition, now() - make_interval(days => 40 - 10 * n)
    from workflow_version v join workflow w on w.id = v.workflow_id, generate_series(1, 3) as n
    where workflow_slug = 'echo'`);
  await run(sql`update workflow set version = 4 where workflow_slug = 'echo'`);
  await run(sql`insert into bundle (hash, archive) values ('1', ''), ('3', '')`);
  expect(await versions()).toEqual([1, 2, 3, 4]);
  await sweep();
  // Tasks use version 1; version 3 was replaced 10 days ago, and 2 before.
  expect(await versions()).toEqual([1, 4]);
  expect(await db().selectFrom('bundle').select('hash').execute()).toEqual([{ hash: '3' }]);
});

it('a key that ended is listed for some days, and the first key of the runtime stays', async () => {
  const keys = async (): Promise<string[]> => {
    const rows = await db().selectFrom('credential').select('display_name').orderBy('display_name').execute();
    return rows.map(({ display_name }) => display_name);
  };
  const team_id = agent.teamId;
  const ended = (
    display_name: string,
    kind: 'agent' | 'integration',
    days: { revoked?: number; expired?: number },
  ) => {
    const ago = (value?: number): Date | null =>
      value === undefined ? null : new Date(Date.now() - value * 86_400_000);
    const id = uuidV7();
    return {
      id,
      team_id,
      kind,
      display_name,
      key_prefix: 'k',
      key_hash: id,
      permissions: [],
      revoked_at: ago(days.revoked),
      expires_at: ago(days.expired),
    };
  };
  await run(
    sql`update credential set revoked_at = now() - interval '1 year' where display_name = 'bootstrap'`,
  );
  await db()
    .insertInto('credential')
    .values([
      ended('revoked long ago', 'integration', { revoked: 6 }),
      ended('expired long ago', 'agent', { expired: 6 }),
      ended('revoked', 'integration', { revoked: 4 }),
      ended('in use', 'agent', {}),
      ended('newest', 'integration', { revoked: 6 }),
    ])
    .execute();
  await sweep();
  expect(await keys()).toEqual(['bootstrap', 'in use', 'newest', 'revoked']);
});

it('the sweep of a kind of files, and making room for answers, read no other rows', async () => {
  const team = agent.teamId;
  const other = uuidV7();
  await db().insertInto('team').values({ id: other, team_slug: 'others' }).execute();
  const add = (kind: string, owner: string, count: number, since: string) =>
    run(sql`insert into stored_file (file_key, team_id, file_size, is_confirmed, created_at)
      select concat_ws('/', ${kind}::text, ${owner}::text, n), ${owner}::uuid, 1, true,
        now() - ${since}::interval - interval '1 minute' * n
      from generate_series(1, ${count}::integer) as n`);
  // Outputs that are kept longer than anything else, new answers of many calls, and some old ones.
  await add('outputs', other, 13_000, '2 days');
  await add('outputs', team, 2000, '2 days');
  await add('answers', other, 5000, '-5000 minutes');
  await add('answers', team, 40, '2 hours');
  await run(sql`analyze stored_file`);
  const planOf = async (statement: RawBuilder<unknown>): Promise<string> => {
    const { rows } = await sql<{ 'QUERY PLAN': string }>`explain ${statement}`.execute(db());
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  for (const kind of ['inputs', 'answers'] as const) {
    const plan = await planOf(expiredFiles(kind, 3660, 1000));
    expect(plan).toContain('stored_file_by_kind');
    expect(plan).not.toContain('Seq Scan');
  }
  const plan = await planOf(oldestAnswers({ teamId: team, folderId: null, bytes: 10 }));
  expect(plan).toContain('stored_answer_of_team');
  expect(plan).not.toContain('Seq Scan');
  const { rows } = await oldestAnswers({ teamId: team, folderId: null, bytes: 10 }).execute(db());
  expect(rows.map(({ file_key }) => Number(file_key.split('/')[1])).toSorted((a, b) => a - b)).toHaveLength(
    10,
  );
});
