import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import { echoWorkflow, eventsIn, PretendAgent, RuntimeServer } from './runtime-support/runtime-fixture.js';

let server: RuntimeServer;
let agent: PretendAgent;

beforeAll(async () => {
  const atOnce = { CYBERUN_RUNS_RETRY_SECONDS: '0' };
  const files = {
    'echo.yaml': echoWorkflow('echo'),
    'retrying.yaml': echoWorkflow('retrying', { metadata: '    max_retries: 1' }),
    'timed.yaml': echoWorkflow('timed', { timeout: 'timeout: { after: { minutes: 2 } }' }),
    'gpu.yaml': echoWorkflow('gpu', { labels: 'gpu, local' }),
  };
  server = await RuntimeServer.start(files, { env: atOnce });
  agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
});
afterAll(() => server[Symbol.asyncDispose]());

const states = (events: { event: string; data: { status?: string } }[]): string[] =>
  events.map(({ event, data }) => (event === 'status' ? `${data.status}` : event));

it('a task waits without an agent, and every later step is an event', async () => {
  await agent.disconnect();
  const taskId = await server.submit('echo', { text: 'hello' });
  expect((await server.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    id: taskId,
    task_status: 'waiting',
    task_error: '',
  });

  await agent.connect();
  const run = await agent.take();
  expect(run.order).toMatchObject({
    task_id: taskId,
    attempt: 1,
    parameters: { text: 'hello', times: 2 },
    steps: [{ kind: 'shell', command: 'echo "$1"', arguments: ['${ .text }'] }],
  });
  await server.runs.started(run);
  expect((await server.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    task_status: 'running',
    agent_id: 'pretend',
    agent_labels: ['local'],
  });
  await server.runs.progress(run, { progress: 0.35, step_current: 7, step_total: 20, message: 'half way' });
  await server.runs.completed(run, { said: 'hello' }, []);

  const events = await server.events(taskId);
  expect(states(events)).toEqual(['pending', 'waiting', 'queued', 'running', 'progress', 'completed']);
  expect(events.map(({ id }) => id)).toEqual(['1', '2', '3', '4', '5', '6']);
  expect(events[3]?.data).toMatchObject({
    task_id: taskId,
    status: 'running',
    agent_id: 'pretend',
    timestamp: expect.any(String),
  });
  expect(events[4]?.data).toMatchObject({
    progress: 0.35,
    step_current: 7,
    step_total: 20,
    message: 'half way',
  });
  expect(events[5]?.data).toMatchObject({
    task_id: taskId,
    status: 'completed',
    output: { said: 'hello' },
  });
  const { body } = await server.get(`/r/tasks/${taskId}/result`);
  expect(body).toMatchObject({
    id: taskId,
    task_status: 'completed',
    task_output: { said: 'hello' },
    task_error: '',
    download_url: null,
    download_urls: {},
  });
});

it('a task stays pending while agents that could take it are busy, and waits when the last one goes', async () => {
  await agent.connect();
  const taskId = await server.submit('echo');
  expect((await server.get(`/r/tasks/${taskId}`)).body.task_status).toBe('pending');
  await agent.disconnect();
  expect((await server.get(`/r/tasks/${taskId}`)).body.task_status).toBe('waiting');
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
});

it('a task goes only to an agent with all its labels', async () => {
  const taskId = await server.submit('gpu');
  expect(await agent.claim(10)).toEqual([]);
  const able = new PretendAgent(server, agent.teamId, ['big', 'gpu', 'local']);
  expect((await able.take()).taskId).toBe(taskId);
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
});

it('a task runs again after a failure up to max_retries times, then fails with the reason', async () => {
  const taskId = await server.submit('retrying');
  await server.runs.failed(await agent.take(), 'exit code 3');
  expect((await server.get(`/r/tasks/${taskId}`)).body).toMatchObject({ retry_count: 1, agent_id: null });
  const second = await agent.take();
  expect(second.attempt).toBe(2);
  await server.runs.failed(second, 'exit code 4');

  expect((await server.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    task_status: 'failed',
    task_error: 'exit code 4',
    retry_count: 1,
    attempt_count: 2,
    interrupted_count: 0,
  });
  const events = await server.events(taskId);
  expect(events.at(-1)).toMatchObject({
    event: 'failed',
    data: { task_id: taskId, status: 'failed', error: 'exit code 4' },
  });
  expect((await server.get(`/r/tasks/${taskId}/result`)).body).toMatchObject({
    task_status: 'failed',
    task_output: null,
    task_error: 'exit code 4',
    download_urls: null,
  });
  expect(await agent.claim(10)).toEqual([]);
});

it('a task runs again after an interruption without counting it', async () => {
  const taskId = await server.submit('echo');
  await server.runs.interrupted(await agent.take());
  const second = await agent.take();
  await server.runs.started(second);
  await server.runs.completed(second, null, []);
  expect((await server.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    task_status: 'completed',
    retry_count: 0,
    attempt_count: 2,
    interrupted_count: 1,
  });
});

it('a task fails when its tenth run is interrupted', async () => {
  const taskId = await server.submit('echo');
  for (let cut = 0; cut < 10; cut += 1) await server.runs.interrupted(await agent.take());
  const { body } = await server.get(`/r/tasks/${taskId}`);
  expect(body).toMatchObject({
    task_status: 'failed',
    retry_count: 0,
    attempt_count: 10,
    interrupted_count: 10,
    task_error: expect.stringContaining('10 runs of this task were interrupted'),
  });
  expect(body.completed_at).not.toBeNull();
  expect((await server.events(taskId)).at(-1)).toMatchObject({ event: 'failed' });
  expect(await agent.claim(10)).toEqual([]);
});

it('a task ignores the reports of an abandoned run', async () => {
  const taskId = await server.submit('echo');
  const first = await agent.take();
  await server.runs.interrupted(first);
  const second = await agent.take();
  await server.runs.completed(first, 'too late', []);
  await server.runs.failed(first, 'too late');
  expect((await server.get(`/r/tasks/${taskId}`)).body.task_status).toBe('queued');
  await server.runs.completed(second, 'right', []);
  expect((await server.get(`/r/tasks/${taskId}/result`)).body.task_output).toBe('right');
});

it('a task carries the time limit of its workflow', async () => {
  const taskId = await server.submit('timed');
  expect((await agent.take()).order.timeout_seconds).toBe(120);
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
});

it('cancelling ends a task that no agent has taken', async () => {
  const taskId = await server.submit('echo');
  expect(await server.call('POST', `/r/tasks/${taskId}/cancel`)).toMatchObject({
    status: 200,
    body: { is_success: true, task_status: 'cancelled' },
  });
  expect((await server.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    task_status: 'cancelled',
    completed_at: expect.any(String),
  });
  expect(await agent.claim(10)).toEqual([]);
  expect((await server.get(`/r/tasks/${taskId}/result`)).body).toMatchObject({
    task_output: null,
    download_url: null,
  });
});

it('cancelling ends a running task at once and aborts its run', async () => {
  const taskId = await server.submit('echo');
  const run = await agent.take();
  await server.runs.started(run);
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
  await vi.waitFor(() => expect(run.signal.aborted).toBe(true), { timeout: 60_000 });
  await server.runs.completed(run, 'too late', []);
  expect((await server.get(`/r/tasks/${taskId}`)).body.task_status).toBe('cancelled');
  expect(states(await server.events(taskId)).at(-1)).toBe('cancelled');
});

it('cancelling stops a run that was cancelled before its agent began', async () => {
  const taskId = await server.submit('echo');
  const run = await agent.take();
  // As if the notice of the cancellation were still on its way.
  const { db } = server.app.get(Database, { strict: false });
  await db.updateTable('task').set({ task_status: 'cancelled' }).where('id', '=', taskId).execute();
  expect(run.signal.aborted).toBe(false);
  await server.runs.started(run);
  expect(run.signal.aborted).toBe(true);
});

it('cancelling changes nothing about a task that is at its end', async () => {
  const taskId = await server.submit('echo');
  await server.runs.completed(await agent.take(), 1, []);
  expect((await server.call('POST', `/r/tasks/${taskId}/cancel`)).body).toEqual({
    is_success: true,
    task_status: 'completed',
  });
  expect((await server.get(`/r/tasks/${taskId}`)).body.task_status).toBe('completed');
});

it('the event stream delivers an event while it happens, and ends with the task', async () => {
  const taskId = await server.submit('echo');
  const response = await fetch(`${server.origin}/api/v1/r/tasks/${taskId}/events`, {
    headers: { authorization: 'Bearer sk-bootstrap-key-of-the-tests' },
  });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const readUntil = async (word: string): Promise<void> => {
    while (!text.includes(word)) text += (await reader?.read())?.value ?? expect.fail('the stream ended');
  };
  await readUntil('"pending"');
  const run = await agent.take();
  await readUntil('"queued"');
  await server.runs.started(run);
  await readUntil('"running"');
  await server.runs.completed(run, 42, []);
  await readUntil('event: completed');
  expect((await reader?.read())?.done).toBe(true);
  expect(eventsIn(text).map(({ id }) => Number(id))).toEqual(eventsIn(text).map((_, index) => index + 1));
});

it('the event stream continues after Last-Event-ID, and closes at once when nothing is left', async () => {
  const taskId = await server.submit('echo');
  await server.runs.completed(await agent.take(), 42, []);
  const all = await server.events(taskId);
  expect(await server.events(taskId, '2')).toEqual(all.slice(2));
  expect(await server.events(taskId, String(all.length))).toEqual([]);
});

it('the task list is newest first, in pages, filtered by state', async () => {
  const ids = [
    await server.submit('echo'),
    await server.submit('echo'),
    await server.submit('echo'),
  ].reverse();
  const { body } = await server.get('/r/tasks?per_page=3');
  expect(body.task_list.map(({ id }: { id: string }) => id)).toEqual(ids);
  expect(body.task_list[0].task_error).toBe('');
  expect(body.page_meta).toMatchObject({ current_page: 1, per_page: 3, total_count: expect.any(Number) });
  const second = await server.get('/r/tasks?per_page=1&current_page=2');
  expect(second.body.task_list[0].id).toBe(ids[1]);
  const open = body.task_list[0].task_status as string;
  const filtered = await server.get(`/r/tasks?status=${open}&per_page=100`);
  expect(new Set(filtered.body.task_list.map((task: { task_status: string }) => task.task_status))).toEqual(
    new Set([open]),
  );
  for (const id of ids) await server.call('POST', `/r/tasks/${id}/cancel`);
});

it.each([
  ['?per_page=0', 'per_page'],
  ['?per_page=101', 'per_page'],
  ['?per_page=x', 'per_page'],
  ['?current_page=0', 'current_page'],
  ['?status=provisioning', 'status'],
])('the task list refuses %s with the name of the parameter', async (query, field) => {
  const { status, body } = await server.get(`/r/tasks${query}`);
  expect(status).toBe(400);
  expect(body.error_message).toContain(field);
});

it.each(['/r/tasks/42', '/r/tasks/42/result', '/r/tasks/42/events', '/r/workflows/42'])(
  'an id that is no UUID gets a 400: %s',
  async (path) => {
    expect(await server.get(path)).toMatchObject({
      status: 400,
      body: { error_message: expect.stringContaining('must be a UUID') },
    });
  },
);
it.each(['', '/result', '/events'])('an id of no task gets a 404 at /r/tasks/:id%s', async (path) => {
  expect(await server.get(`/r/tasks/01a203c5-33ab-7000-bc61-2d0781f6a0ce${path}`)).toMatchObject({
    status: 404,
    body: { error_message: 'resource not found' },
  });
});
