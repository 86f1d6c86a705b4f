import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { Database, TEAM_ID, uuidV7 } from '../../src/runtime/database/index.js';
import { CredentialsStore } from '../../src/runtime/credentials/index.js';
import { until } from '../support/processes.js';
import { keysOf, shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import {
  BOOTSTRAP_KEY,
  echoWorkflow,
  PretendAgent,
  RuntimeServer,
} from '../e2e/runtime-support/runtime-fixture.js';

let server: RuntimeServer;
let agent: PretendAgent;
let otherKey: string;
let thirdKey: string;

beforeAll(async () => {
  server = await RuntimeServer.start({
    'echo.yaml': echoWorkflow('echo', { metadata: '    max_retries: 2' }),
    'fast.yaml': shellWorkflow('fast', 'true', { labels: 'real' }),
    'slow.yaml': shellWorkflow('slow', 'true', { labels: 'real, large' }),
  });
  agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
  await agent.connect();
  otherKey = await newKey();
  thirdKey = await newKey();
});
afterAll(() => server[Symbol.asyncDispose]());
afterEach(async () => {
  for (const status of ['pending', 'queued', 'running']) {
    const { body } = await server.get(`/r/tasks?per_page=100&status=${status}`);
    for (const { id } of body.task_list) await server.call('POST', `/r/tasks/${id}/cancel`);
  }
});

const INTEGRATION = { kind: 'integration', display_name: 'a key of the tests' } as const;
const newKey = async (): Promise<string> => (await keysOf(server).create(INTEGRATION)).raw_key;

async function submit(key: string, slug = 'echo'): Promise<string> {
  const body = { parameters: slug === 'echo' ? { text: 'hi' } : {} };
  const answer = await server.call('POST', `/r/workflows/slug/${slug}/run`, body, key);
  expect(answer.status).toBe(202);
  return answer.body.task_id;
}

/** Submits one task after the other. */
async function submitMany(key: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) ids.push(await submit(key));
  return ids;
}

/** Who submitted each of the next runs, in their order; each completes before the next begins. */
async function nextRuns(count: number, owners: Record<string, readonly string[]>): Promise<string[]> {
  const order: string[] = [];
  while (order.length < count) {
    const run = await agent.take();
    order.push(Object.keys(owners).find((name) => owners[name]?.includes(run.taskId)) ?? run.taskId);
    await server.runs.completed(run, null, []);
  }
  return order;
}

it('the single task of a key runs second although another key submitted many tasks before', async () => {
  const many = await submitMany(BOOTSTRAP_KEY, 8);
  const single = [await submit(otherKey)];
  expect(await nextRuns(3, { many, single })).toEqual(['many', 'single', 'many']);
});

it('keys with many tasks take turns, each with its own tasks in their order, and one that comes later does not wait', async () => {
  const a = await submitMany(BOOTSTRAP_KEY, 5);
  const b = await submitMany(otherKey, 3);
  expect(await nextRuns(2, { a, b })).toEqual(['a', 'b']);
  const c = await submitMany(thirdKey, 2);
  expect(await nextRuns(6, { a, b, c })).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  const [next] = await agent.claim();
  expect(next?.taskId).toBe(a[3]);
});

it('a key that has had many tasks before is not behind one that comes new', async () => {
  const before = await submitMany(BOOTSTRAP_KEY, 4);
  await nextRuns(4, { before });
  const flood = await submitMany(otherKey, 5);
  const single = [await submit(BOOTSTRAP_KEY)];
  expect(await nextRuns(2, { flood, single })).toEqual(['flood', 'single']);
});

it('tasks that a key submits at the same time get places one after the other', async () => {
  const many = await Promise.all(Array.from({ length: 10 }, () => submit(BOOTSTRAP_KEY)));
  const few = await submitMany(otherKey, 2);
  const order = await nextRuns(7, { many, few });
  expect(order.lastIndexOf('few')).toBeLessThanOrEqual(5);
});

it('a run that was interrupted and one that is retried come before all tasks that wait', async () => {
  const first = await submit(BOOTSTRAP_KEY);
  const run = await agent.take();
  await submitMany(otherKey, 2);
  await submitMany(BOOTSTRAP_KEY, 1);
  await server.runs.interrupted(run);
  const again = await agent.take();
  expect(again).toMatchObject({ taskId: first, attempt: 2 });
  await server.runs.started(again);
  await server.runs.failed(again, 'broken');
  await until(async () => {
    const [next] = await agent.claim();
    if (next?.taskId === first) return true;
    // Its wait is not over; the others are not held up by it.
    if (next) await server.runs.interrupted(next);
    return false;
  });
});

it('tasks of one queue do not keep those of another queue from an agent that can run both', async () => {
  await using real = await TestAgent.start(server, { agentId: 'both', labels: ['real', 'large'], slots: 1 });
  const flood = await Promise.all(Array.from({ length: 6 }, () => submit(BOOTSTRAP_KEY, 'fast')));
  const single = await submit(BOOTSTRAP_KEY, 'slow');
  await server.events(single);
  const states = await Promise.all(flood.map(async (id) => (await server.get(`/r/tasks/${id}`)).body));
  expect(states.filter(({ task_status }) => task_status === 'pending').length).toBeGreaterThan(0);
  await Promise.all(flood.map((id) => server.events(id)));
  expect(real).toBeDefined();
});

it('a team with a long queue does not keep the task of another team from its agent', async () => {
  const { db } = server.app.get(Database, { strict: false });
  const teamId = uuidV7();
  await db.insertInto('team').values({ id: teamId, team_slug: 'other-team' }).execute();
  // Definition files belong to the default team.
  const id = uuidV7();
  await sql`insert into workflow (id, team_id, workflow_slug, workflow_status, source_file, version)
    select ${id}::uuid, ${teamId}::uuid, workflow_slug, workflow_status, source_file, version
    from workflow where workflow_slug = 'fast'`.execute(db);
  await sql`insert into workflow_version (workflow_id, team_id, version, content_hash, definition)
    select ${id}::uuid, ${teamId}::uuid, one.version, content_hash, definition
    from workflow_version as one join workflow on workflow.id = workflow_id
    where workflow_slug = 'fast' and workflow.team_id = ${agent.teamId}`.execute(db);
  const keys = new CredentialsStore(db, teamId);
  const [sk, ak] = [await keys.create(INTEGRATION), await keys.create({ ...INTEGRATION, kind: 'agent' })];
  const wanted = { agentId: 'theirs', labels: ['real'], key: ak.raw_key, seenBy: sk.raw_key };
  await using theirs = await TestAgent.start(server, wanted);
  await using ours = await TestAgent.start(server, { agentId: 'ours', labels: ['real'], slots: 1 });
  const flood = await Promise.all(Array.from({ length: 12 }, () => submit(BOOTSTRAP_KEY, 'fast')));
  const single = await submit(sk.raw_key, 'fast');
  await until(
    async () => (await server.get(`/r/tasks/${single}`, sk.raw_key)).body.task_status === 'completed',
  );
  const open = await Promise.all(flood.map(async (task) => (await server.get(`/r/tasks/${task}`)).body));
  expect(open.filter(({ task_status }) => task_status !== 'completed').length).toBeGreaterThan(0);
  expect([ours, theirs]).toHaveLength(2);
});
