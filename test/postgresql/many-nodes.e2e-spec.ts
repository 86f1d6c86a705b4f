import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database } from '../../src/runtime/database/index.js';
import { SharedState } from '../../src/runtime/metrics/shared-state.js';
import { keysOf, shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';

let postgresql: PostgresqlServer;
let folder: string;
/** The node that gets the calls, and the one that has the agent. */
let front: RuntimeServer;
let back: RuntimeServer;
let agent: TestAgent;

const statusOf = async (taskId: string): Promise<string> =>
  (await front.get(`/r/tasks/${taskId}`)).body.task_status as string;
const isRunning = async (taskId: string): Promise<boolean> => (await statusOf(taskId)) === 'running';
const traces = async (): Promise<string[]> =>
  (await readFile(join(folder, 'traces'), 'utf8').catch(() => '')).trim().split('\n');

beforeAll(async () => {
  postgresql = await PostgresqlServer.start();
  folder = await mkdtemp(join(tmpdir(), 'cyberun-nodes-'));
  const files = {
    'far.yaml': shellWorkflow('far', 'echo done', { labels: 'far' }),
    'quick.yaml': shellWorkflow('quick', 'echo done'),
    'long.yaml': shellWorkflow(
      'long',
      `trap 'echo stopped >> ${folder}/traces; exit 1' TERM; sleep 300 & wait`,
    ),
  };
  const env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  front = await RuntimeServer.start(files, { env });
  back = await RuntimeServer.start(files, { env });
  agent = await TestAgent.start(back);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await back[Symbol.asyncDispose]();
  await postgresql[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it('lists the agents of every node at every node', async () => {
  await until(async () => (await front.get('/r/agents')).body.page_meta.total_count === 1);
  const [{ last_heartbeat: _here, ...here }] = (await front.get('/r/agents')).body.agent_list;
  const [{ last_heartbeat: _there, ...there }] = (await back.get('/r/agents')).body.agent_list;
  expect(here).toEqual(there);
  expect(here).toMatchObject({ agent_id: 'agent-1', agent_status: 'idle', task_capacity: 4 });
});

it('counts the tasks and services of the whole database for metrics at one node, the oldest', async () => {
  const taskId = await front.submit('far', {});
  const [ofFront, ofBack] = await Promise.all(
    [front, back].map(({ app }) => app.get(SharedState, { strict: false }).latest()),
  );
  expect(ofFront?.tasks).toMatchObject([{ labels: ['far'], state: 'waiting', count: 1 }]);
  expect(ofFront?.tasks[0]?.oldest_seconds).toBeGreaterThan(0);
  expect(ofBack).toBeUndefined();
  await front.call('POST', `/r/tasks/${taskId}/cancel`);
});

it('runs a task on the agent of another node, and streams its events without a gap', async () => {
  const taskId = await front.submit('quick', {});
  const events = await front.events(taskId);
  expect(events.map(({ id, event, data }) => [id, event, data['status']])).toEqual([
    ['1', 'status', 'pending'],
    ['2', 'status', 'queued'],
    ['3', 'status', 'running'],
    ['4', 'completed', 'completed'],
  ]);
});

it('cancels a run that another node holds', async () => {
  const taskId = await front.submit('long', {});
  await until(() => isRunning(taskId));
  expect((await front.call('POST', `/r/tasks/${taskId}/cancel`)).status).toBe(200);
  await until(async () => (await traces()).length === 1 && (await traces())[0] === 'stopped');
  expect(await statusOf(taskId)).toBe('cancelled');
});

it('ends a run whose cancel was notified to no node', async () => {
  const before = (await traces()).length;
  const taskId = await front.submit('long', {});
  await until(() => isRunning(taskId));
  const { db } = front.app.get(Database, { strict: false });
  await sql`update task set task_status = 'cancelled' where id = ${taskId}`.execute(db);
  await until(async () => (await traces()).length === before + 1);
  expect((await traces()).at(-1)).toBe('stopped');
});

it('runs a task again whose claim a node has committed and not noticed', async () => {
  const { db } = front.app.get(Database, { strict: false });
  const nodes = await db.selectFrom('connected_agent').select('node_id').execute();
  const taskId = await front.submit('long', {});
  await until(() => isRunning(taskId));
  // As after a commit whose answer was lost: the database has a later attempt than the memory of the node.
  await sql`update task set attempt_count = attempt_count + 1 where id = ${taskId}`.execute(db);
  await sql`update pgboss.job set retry_count = retry_count + 1 where id = ${taskId}`.execute(db);
  await until(async () => {
    const events = (
      await db.selectFrom('task_event').select('data').where('task_id', '=', taskId).execute()
    ).map(({ data }) => JSON.stringify(data));
    return events.some((data) => data.includes('was interrupted and starts again'));
  });
  await until(() => isRunning(taskId));
  expect(nodes).toHaveLength(1);
  await front.call('POST', `/r/tasks/${taskId}/cancel`);
});

it('a cancel does not wait for a node that is just claiming the task', async () => {
  const { db } = front.app.get(Database, { strict: false });
  const taskId = await front.submit('far', {});
  await db.transaction().execute(async (claim) => {
    await sql`select 1 from pgboss.job where id = ${taskId} for update`.execute(claim);
    expect((await front.call('POST', `/r/tasks/${taskId}/cancel`)).status).toBe(200);
    const { rows } = await sql`select task_status from task where id = ${taskId} for update`.execute(claim);
    expect(rows).toEqual([{ task_status: 'cancelled' }]);
  });
  await using _agent = await TestAgent.start(front, { agentId: 'far', labels: ['far'] });
  await until(async () => {
    const { rows } = await sql`select state from pgboss.job where id = ${taskId}`.execute(db);
    return (rows as { state: string }[])[0]?.state === 'completed';
  });
  expect(await statusOf(taskId)).toBe('cancelled');
});

it('an agent is replaced by a later one of the same id at another node', async () => {
  const { raw_key: key } = await keysOf(front).create({ kind: 'agent', display_name: 'twin' });
  await using first = await TestAgent.start(front, { agentId: 'twin', labels: ['first'], key });
  await using _second = await TestAgent.start(back, { agentId: 'twin', labels: ['second'], key });
  await expect(first.ended).rejects.toThrow('Another agent with the same id');
  const twins = (await front.get('/r/agents')).body.agent_list as { agent_id: string }[];
  expect(twins.filter(({ agent_id }) => agent_id === 'twin')).toMatchObject([
    { agent_labels: expect.arrayContaining(['second']) },
  ]);
});

it('the row of an agent that is gone is removed when its removal had failed', async () => {
  const { db } = back.app.get(Database, { strict: false });
  await sql`insert into connected_agent (team_id, agent_id, node_id, connected_at, hello)
    select team_id, 'phantom', node_id, connected_at, jsonb_set(hello::jsonb, '{agent_id}', '"phantom"')::json
    from connected_agent where agent_id = 'agent-1'`.execute(db);
  const ids = async (): Promise<string[]> =>
    ((await front.get('/r/agents')).body.agent_list as { agent_id: string }[]).map(
      ({ agent_id }) => agent_id,
    );
  expect(await ids()).toContain('phantom');
  await until(async () => !(await ids()).includes('phantom'));
  expect(await ids()).toContain('agent-1');
});

it('a node with older files starts beside the others without bringing their content back', async () => {
  const env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  const file = (text: string) => ({ 'shared.yaml': shellWorkflow('shared', text) });
  const versionAt = async (node: RuntimeServer): Promise<unknown> =>
    (await node.get('/r/workflows/slug/shared')).body.version;
  await using older = await RuntimeServer.start(
    { ...file('echo one'), 'only-here.yaml': shellWorkflow('only-here', 'true') },
    { env },
  );
  await using newer = await RuntimeServer.start(file('echo two'), { env });
  expect(await versionAt(newer)).toBe(2);
  await using late = await RuntimeServer.start(file('echo one'), { env });
  expect(await versionAt(late)).toBe(2);
  expect((await late.get('/r/workflows/slug/only-here')).body.workflow_status).toBe('active');
  await writeFile(join(older.folder, 'shared.yaml'), shellWorkflow('shared', 'echo three'));
  await until(async () => (await versionAt(late)) === 3);
  await rm(join(older.folder, 'only-here.yaml'));
  await until(
    async () => (await late.get('/r/workflows/slug/only-here')).body.workflow_status === 'disabled',
  );
  await writeFile(join(older.folder, 'shared.yaml'), shellWorkflow('shared', 'echo one'));
  await until(async () => (await versionAt(newer)) === 4);
});
