import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { strangeAgent } from '../e2e/agent-support/strange-agent.js';
import { echoWorkflow, PretendAgent, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';

/** A node that does not run here: everything about its agents comes from the database. */
const OTHER_NODE = '00000000-0000-7000-8000-000000000001';

let server: RuntimeServer;
let teamId: string;

beforeAll(async () => {
  const files = {
    'gpu.yaml': echoWorkflow('gpu', { labels: 'gpu, cuda12' }),
    'any.yaml': echoWorkflow('any', { labels: '' }),
    'slow-retry.yaml': echoWorkflow('slow-retry', {
      metadata:
        '    retry: { delay: { minutes: 2 }, backoff: { constant: {} }, limit: { attempt: { count: 3 } } }',
    }),
    'limited.yaml': shellWorkflow('limited', 'echo done').concat(
      '      timeout: { after: { seconds: 30 } }\n',
    ),
    'retry.yaml': echoWorkflow('retry', { metadata: '    max_retries: 2' }),
  };
  server = await RuntimeServer.start(files, {
    env: { CYBERUN_RUNS_RETRY_SECONDS: '0', CYBERUN_TEAM_TASKS_RUNNING: '3' },
  });
  teamId = server.app.get<string>(TEAM_ID, { strict: false });
  await db()
    .insertInto('runtime_node')
    .values({ id: OTHER_NODE, url: 'http://127.0.0.1:1', seen_at: new Date(Date.now() + 3_600_000) })
    .execute();
});
afterAll(() => server[Symbol.asyncDispose]());
afterEach(async () => {
  const open = await server.get('/r/tasks?per_page=100&status=pending,waiting,queued,running');
  for (const { id } of open.body.task_list) await server.call('POST', `/r/tasks/${id}/cancel`);
  await db().deleteFrom('connected_agent').execute();
});

const db = () => server.app.get(Database, { strict: false }).db;
const taskOf = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;
const reasonOf = async (id: string): Promise<unknown> => (await taskOf(id)).status_reason;
async function listedReasons(): Promise<unknown[]> {
  const { body } = await server.get('/r/tasks?status=pending,waiting');
  return body.task_list.map(({ status_reason }: { status_reason: unknown }) => status_reason);
}

/** Connects an agent to another node, or changes it. */
async function connect(agent_id: string, labels: string[], more: object = {}): Promise<void> {
  const hello = JSON.stringify({ agent_id, labels, slots: 1, version: '0', platform: 'test', ...more });
  const row = { team_id: teamId, agent_id, node_id: OTHER_NODE, hello };
  await db()
    .insertInto('connected_agent')
    .values(row)
    .onConflict((conflict) => conflict.columns(['team_id', 'agent_id']).doUpdateSet(row))
    .execute();
}
const disconnect = (agentId: string) =>
  db().deleteFrom('connected_agent').where('agent_id', '=', agentId).execute();

/** Makes a task one that an agent runs. */
const hold = (id: string, agentId: string, labels: string[]) =>
  db()
    .updateTable('task')
    .set({ task_status: 'running', agent_id: agentId, agent_labels: labels })
    .where('id', '=', id)
    .execute();

it('a waiting task says at every reading what it waits for now, on any node', async () => {
  const running = await server.submit('gpu');
  expect(await reasonOf(running)).toBe('no connected agent has the labels cuda12, gpu');
  await connect('gpu-01', ['gpu', 'cuda12', 'linux']);
  expect(await reasonOf(running)).toBe('it starts in a moment');
  await hold(running, 'gpu-01', ['gpu', 'cuda12', 'linux']);
  const waiting: string[] = [];
  for (let sent = 0; sent < 3; sent += 1) waiting.push(await server.submit('gpu'));
  const busy = 'the slot of gpu-01, the only agent with the labels cuda12, gpu, is busy';
  const [first = '', , third = ''] = waiting;
  expect(await reasonOf(first)).toBe(`next in its queue; ${busy}`);
  expect(await reasonOf(third)).toBe(`2 tasks ahead; ${busy}`);
  await server.call('POST', `/r/tasks/${first}/cancel`);
  expect(await reasonOf(third)).toBe(`1 task ahead; ${busy}`);
  expect(await listedReasons()).toEqual([busy, busy]);

  await connect('gpu-02', ['gpu', 'cuda12'], { slots: 2 });
  expect(await reasonOf(third)).toBe(
    '1 task ahead; 2 of 3 slots of the 2 agents with the labels cuda12, gpu are free',
  );
  await disconnect('gpu-02');
  await connect('gpu-01', ['gpu', 'cuda12'], { draining: true });
  expect(await reasonOf(third)).toBe(
    'the only agent with the labels cuda12, gpu is about to end and takes no new tasks (draining)',
  );
  expect(await reasonOf(running)).toMatch(
    /^agent gpu-01 is about to end: it finishes this run, or gives it back/,
  );
  await disconnect('gpu-01');
  expect(await reasonOf(third)).toBe(
    'no connected agent has the labels cuda12, gpu; agent gpu-01, which has, lost its connection and is waited for, for at most 60 s',
  );
  expect(await reasonOf(running)).toMatch(
    /^agent gpu-01 has lost its connection; .* if this one does not come back within 60 s$/,
  );
});

it('a task says when its team runs as many tasks as it may', async () => {
  await connect('big', ['anything'], { slots: 10 });
  for (let sent = 0; sent < 3; sent += 1) await hold(await server.submit('any'), 'big', ['anything']);
  const waiting = await server.submit('any');
  expect(await reasonOf(waiting)).toBe(
    'the team runs 3 tasks at a time, which is its limit (CYBERUN_TEAM_TASKS_RUNNING); next in its queue',
  );
});

it('a task whose run failed says when the retry starts, and what the error was', async () => {
  const agent = new PretendAgent(server, teamId);
  await agent.connect();
  const taskId = await server.submit('slow-retry');
  const run = await agent.take();
  await server.runs.started(run);
  await server.runs.failed(run, 'exit code 3\nmore');
  const task = await taskOf(taskId);
  expect(task.status_reason).toMatch(
    /^retry 1 of 3 starts in 1[12]\d s, at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  );
  expect(task).toMatchObject({ task_status: 'pending', last_error: 'exit code 3\nmore', task_error: '' });
  const { body } = await server.get('/r/tasks?workflow_slug=slow-retry');
  expect(body.task_list[0]).toMatchObject({
    last_error: 'exit code 3',
    status_reason: expect.stringMatching(/starts in/),
  });
  // It is not yet ahead of others, and says so also when its agent has gone and come back.
  const other = await server.submit('retry');
  expect(await reasonOf(other)).toBe('it starts in a moment');
  await agent.disconnect();
  expect(await reasonOf(taskId)).toMatch(
    /^retry 1 of 3 starts in .*, but no connected agent has the labels local$/,
  );
  await agent.connect();
  expect(await reasonOf(taskId)).toMatch(/^retry 1 of 3 starts in \d+ s/);
});

it('a task that runs again for another reason than a failure says so', async () => {
  const agent = new PretendAgent(server, teamId);
  await agent.connect();
  const taskId = await server.submit('retry');
  await server.runs.interrupted(await agent.take());
  expect(await reasonOf(taskId)).toBe('it starts in a moment; its last run was interrupted');
  await server.runs.returned(await agent.take());
  expect(await reasonOf(taskId)).toBe('it starts in a moment; its agent ended and gave the last run back');
  const run = await agent.take();
  expect(await reasonOf(taskId)).toBe('given to agent pretend, which has not started it yet');
  await server.runs.started(run);
  expect(await reasonOf(taskId)).toBeNull();
  await server.runs.failed(run, 'exit code 3');
  expect(await taskOf(taskId)).toMatchObject({
    status_reason: 'it starts in a moment; this is retry 1 of 2',
    last_error: 'exit code 3',
  });
});

it('a task behind very many others says that they are more than 1000', async () => {
  await connect('gpu-01', ['gpu', 'cuda12']);
  await hold(await server.submit('gpu'), 'gpu-01', ['gpu', 'cuda12']);
  const last = await server.submit('gpu');
  await sql`insert into task (id, team_id, workflow_id, workflow_version, required_labels, task_status,
      parameters, submission, max_retries, queue_rank)
    select gen_random_uuid(), team_id, workflow_id, workflow_version, required_labels, 'pending',
      '{}', '{}', 0, 1 from task, generate_series(1, 1100) where id = ${last}`.execute(db());
  await db().updateTable('task').set({ queue_rank: 2 }).where('id', '=', last).execute();
  expect(await reasonOf(last)).toMatch(/^more than 1000 tasks ahead; /);
  await db().deleteFrom('task').where('queue_rank', '=', 1).where('task_status', '=', 'pending').execute();
});

it('a run with a limit for a step waits for an agent that knows such limits, and says so', async () => {
  const outdated = 'no connected agent with the label local can limit the time of a step: update the agent';
  // Its hello is that of an agent from before there were limits of steps.
  await using _older = await strangeAgent(server, []);
  await until(async () => (await server.get('/r/agents')).body.agent_list.length === 1);
  const taskId = await server.submit('limited', {});
  expect(await taskOf(taskId)).toMatchObject({ task_status: 'waiting', status_reason: outdated });
  const { body } = await server.get('/r/tasks?workflow_slug=limited');
  expect(body.task_list[0]).toMatchObject({ status_reason: outdated });
  await using _newer = await TestAgent.start(server);
  const events = await server.events(taskId);
  expect(events.slice(0, 3).map(({ data }) => [data['status'], data['message'], data['agent_id']])).toEqual([
    ['pending', undefined, undefined],
    ['waiting', outdated, undefined],
    ['queued', undefined, 'agent-1'],
  ]);
  const { task_status, agent_labels } = await taskOf(taskId);
  expect([task_status, agent_labels]).toEqual(['completed', expect.arrayContaining(['local'])]);
  expect(agent_labels.join()).not.toContain('feature');
});
