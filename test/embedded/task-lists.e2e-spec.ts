import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import {
  BOOTSTRAP_KEY,
  echoWorkflow,
  PretendAgent,
  RuntimeServer,
} from '../e2e/runtime-support/runtime-fixture.js';

let server: RuntimeServer;
let agent: PretendAgent;

beforeAll(async () => {
  const files = {
    'echo.yaml': echoWorkflow('echo'),
    'other.yaml': echoWorkflow('other'),
    'many.yaml': echoWorkflow('many'),
    'retrying.yaml': echoWorkflow('retrying', { metadata: '    max_retries: 1' }),
  };
  server = await RuntimeServer.start(files, { env: { CYBERUN_RUNS_RETRY_SECONDS: '0' } });
  agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
  await agent.connect();
});
afterAll(() => server[Symbol.asyncDispose]());

const db = () => server.app.get(Database, { strict: false }).db;

async function list(query: string): Promise<{ ids: string[]; meta: Record<string, unknown> }> {
  const { status, body } = await server.get(`/r/tasks?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return { ids: body.task_list.map(({ id }: { id: string }) => id), meta: body.page_meta };
}

const taskOf = async (id: string) => (await server.get(`/r/tasks/${id}`)).body;

/** Adds ended tasks of a workflow as rows. */
async function fill(slug: string, count: number): Promise<void> {
  await sql`insert into task (id, team_id, workflow_id, workflow_version, required_labels, task_status,
      parameters, submission, max_retries, completed_at)
    select gen_random_uuid(), team_id, id, version, '{}', 'completed', '{}', '{}', 0, now()
    from workflow, generate_series(1, ${count}::integer) where workflow_slug = ${slug}`.execute(db());
}

it('the cursor of a page leads to the next page, and the last page has none', async () => {
  const ids: string[] = [];
  for (let made = 0; made < 5; made += 1) ids.unshift(await server.submit('echo'));
  const first = await list('workflow_slug=echo&per_page=2');
  expect(first.ids).toEqual(ids.slice(0, 2));
  expect(first.meta).toMatchObject({ current_page: 1, per_page: 2, total_count: 5, next_cursor: ids[1] });
  // A new task moves the pages by number, but not those by cursor.
  const newer = await server.submit('echo');
  const second = await list(`workflow_slug=echo&per_page=2&cursor=${String(first.meta['next_cursor'])}`);
  expect(second.ids).toEqual(ids.slice(2, 4));
  const third = await list(`workflow_slug=echo&per_page=2&cursor=${String(second.meta['next_cursor'])}`);
  expect(third.ids).toEqual(ids.slice(4));
  expect(third.meta).toMatchObject({ total_count: 6, next_cursor: null });
  expect((await list('workflow_slug=echo&per_page=2&current_page=3')).ids).toEqual(ids.slice(3));
  for (const id of [newer, ...ids]) await server.call('POST', `/r/tasks/${id}/cancel`);
});

it('a list is filtered by workflow, state and time, and tasks carry the slug of their workflow', async () => {
  const early = await server.submit('other');
  await db()
    .updateTable('task')
    .set({ created_at: sql`now() - interval '20 minutes'` } as never)
    .where('id', '=', early)
    .execute();
  const late = await server.submit('other');
  const { body } = await server.get('/r/tasks?workflow_slug=other');
  expect(body.task_list).toMatchObject([
    { id: late, workflow_slug: 'other' },
    { id: early, workflow_slug: 'other' },
  ]);
  const between = new Date(Date.now() - 600_000).toISOString();
  expect((await list(`workflow_slug=other&created_after=${between}`)).ids).toEqual([late]);
  expect((await list(`workflow_slug=other&created_before=${between}`)).ids).toEqual([early]);
  expect((await list('created_after=2100-01-01T00:00:00Z')).ids).toEqual([]);
  await server.call('POST', `/r/tasks/${early}/cancel`);
  expect((await list('workflow_slug=other&status=cancelled')).ids).toEqual([early]);
  expect((await list('workflow_slug=other&status=completed,cancelled')).ids).toEqual([early]);
  expect((await list('workflow_slug=other&status=cancelled,waiting,pending,queued')).ids).toEqual([
    late,
    early,
  ]);
  expect((await list('workflow_slug=none')).meta).toMatchObject({ total_count: 0, next_cursor: null });
  await server.call('POST', `/r/tasks/${late}/cancel`);
});

it('a list counts up to 1,000 tasks, and says that there are more', async () => {
  await fill('many', 1000);
  const { meta } = await list('workflow_slug=many&per_page=1');
  expect(meta).toMatchObject({ total_count: 1000 });
  expect(meta).not.toHaveProperty('is_total_count_capped');
  await fill('many', 1);
  expect((await list('workflow_slug=many&per_page=1')).meta).toMatchObject({
    total_count: 1000,
    is_total_count_capped: true,
  });
  expect((await list('workflow_slug=many&per_page=100&current_page=11')).ids).toHaveLength(1);
});

it('a task carries its parameters with exact numbers, in lists too', async () => {
  const taskId = await server.submit('echo');
  expect(await taskOf(taskId)).toMatchObject({ parameters: { text: 'hi', times: 2 } });
  const parameters = '{"exact":12345678901234567890}';
  await db().updateTable('task').set({ parameters }).where('id', '=', taskId).execute();
  for (const path of [`tasks/${taskId}`, 'tasks?workflow_slug=echo&per_page=1']) {
    const response = await fetch(`${server.origin}/api/v1/r/${path}`, {
      headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` },
    });
    expect(await response.text()).toContain(`"parameters":${parameters}`);
  }
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
});

it('a list has the first line of an error, and no large parameters', async () => {
  const taskId = await server.submit('echo');
  const parameters = JSON.stringify({ text: 'x'.repeat(2000) });
  const task_error = `${'e'.repeat(400)}\nmore`;
  await db().updateTable('task').set({ parameters, task_error }).where('id', '=', taskId).execute();
  const { body } = await server.get('/r/tasks?workflow_slug=echo&per_page=1');
  expect(body.task_list).toMatchObject([{ id: taskId, parameters: null, task_error: 'e'.repeat(300) }]);
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
});

it.each(['done', '', 'failed,', 'failed,done'])(
  'a list by the states "%s" is refused with the states',
  async (states) => {
    const { status, body } = await server.get(`/r/tasks?status=${states}`);
    expect(status).toBe(400);
    expect(body.error_message).toContain('status must be one of pending, waiting');
  },
);

it('large parameters are left out of the task, with their size', async () => {
  const taskId = await server.submit('echo');
  const parameters = JSON.stringify({ text: 'x'.repeat(20_000) });
  await db().updateTable('task').set({ parameters }).where('id', '=', taskId).execute();
  expect(await taskOf(taskId)).toMatchObject({ parameters: null, parameters_bytes: parameters.length });
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
});

it('a task carries the latest progress of its run, and the reason why it waits or runs again', async () => {
  await agent.disconnect();
  const taskId = await server.submit('retrying');
  expect(await taskOf(taskId)).toMatchObject({ status_reason: 'no connected agent has the labels local' });
  await agent.connect();
  const run = await agent.take();
  await server.runs.started(run);
  expect(await taskOf(taskId)).toMatchObject({ progress: null, status_reason: null });
  await server.runs.progress(run, { progress: 0.25, message: 'a quarter' });
  await server.runs.progress(run, { progress: 0.5, message: 'half' });
  const { body } = await server.get('/r/tasks?workflow_slug=retrying');
  expect(body.task_list[0]).toMatchObject({ progress: { progress: 0.5, message: 'half' } });
  await server.runs.failed(run, 'exit code 3');
  expect(await taskOf(taskId)).toMatchObject({
    task_status: 'pending',
    progress: null,
    status_reason: 'it starts in a moment; this is retry 1 of 1',
    last_error: 'exit code 3',
  });
  await server.runs.completed(await agent.take(), 1, []);
  expect(await taskOf(taskId)).toMatchObject({
    task_status: 'completed',
    progress: null,
    status_reason: null,
  });
});

it.each([
  ['cursor=last', 'next_cursor'],
  ['cursor=01a203c5-33ab-7000-bc61-2d0781f6a0ce&current_page=2', 'takes the place of current_page'],
  ['created_after=yesterday', 'created_after must be a time with a zone'],
  ['created_before=2026-01-31T08:00:00', 'created_before must be a time with a zone'],
  ['created_before=2026-99-31T08:00:00Z', 'created_before must be a time with a zone'],
  ['workflow_slug=a&workflow_slug=b', 'workflow_slug'],
])('the list of tasks refuses %s', async (query, words) => {
  const { status, body } = await server.get(`/r/tasks?${query}`);
  expect(status).toBe(400);
  expect(body.error_message).toContain(words);
});
