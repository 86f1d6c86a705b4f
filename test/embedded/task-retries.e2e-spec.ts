import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import { Engine } from '../../src/runtime/engine/index.js';
import type { ClaimedRun } from '../../src/runtime/tasks/index.js';
import { until } from '../support/processes.js';
import { echoWorkflow, PretendAgent, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const SECRET_TEXT = 'not for the log';
const logged: string[] = [];

let server: RuntimeServer;
let agent: PretendAgent;

beforeAll(async () => {
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => logged.push(String(text)) > 0);
  const files = {
    'retrying.yaml': echoWorkflow('retrying', { metadata: '    max_retries: 2' }),
    'steady.yaml': echoWorkflow('steady', {
      metadata:
        '    retry: { delay: { seconds: 2 }, backoff: { constant: {} }, limit: { attempt: { count: 2 } } }',
    }),
  };
  server = await RuntimeServer.start(files, { env: { CYBERUN_LOGGER_LEVEL: 'info' } });
  connect();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  vi.restoreAllMocks();
});

function connect(): void {
  agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
}
/** The next run, as soon as there is one. */
async function next(): Promise<ClaimedRun> {
  const runs: ClaimedRun[] = [];
  await until(async () => runs.push(...(await agent.claim())) > 0);
  return runs[0] ?? expect.fail('no run');
}
/** When each event of this state was written, in milliseconds. */
async function times(taskId: string, status: string): Promise<number[]> {
  const events = await server.events(taskId);
  return events
    .filter(({ data }) => data['status'] === status)
    .map(({ data }) => Date.parse(String(data['timestamp'])));
}

it('a failed run waits twice as long each time before it is repeated, over a restart of the server too', async () => {
  const taskId = await server.submit('retrying', { text: SECRET_TEXT });
  const first = await agent.take();
  await server.runs.started(first);
  await server.runs.failed(first, 'exit code 1', {});
  expect(await agent.claim(10)).toEqual([]);

  const { folder } = server;
  await server.stop();
  server = await RuntimeServer.start({}, { folder, env: { CYBERUN_LOGGER_LEVEL: 'info' } });
  connect();
  await server.runs.failed(await next(), 'exit code 2', {});
  const third = await next();
  await server.runs.started(third);
  await server.runs.completed(third, SECRET_TEXT, [], {});

  const queued = await times(taskId, 'queued');
  const repeated = (await server.events(taskId)).filter(({ data }) =>
    String(data['message']).startsWith('retry '),
  );
  expect(repeated.map(({ data }) => data['message'])).toEqual([
    'retry 1 of 2 in 1 s after: exit code 1',
    'retry 2 of 2 in 2 s after: exit code 2',
  ]);
  const waited = repeated.map(
    ({ data }, at) => (queued[at + 1] ?? 0) - Date.parse(String(data['timestamp'])),
  );
  // The event is written a little before the wait begins, by another clock.
  expect(waited[0]).toBeGreaterThan(900);
  expect(waited[1]).toBeGreaterThan(1900);
});

it('a workflow chooses how often its failed runs are repeated, and how long they wait', async () => {
  expect((await server.get('/r/workflows/slug/steady')).body.max_retries).toBe(2);
  const taskId = await server.submit('steady', { text: SECRET_TEXT });
  for (const reason of ['exit code 1', 'exit code 2', 'exit code 3']) {
    const run = await next();
    await server.runs.started(run);
    await server.runs.failed(run, reason, {});
  }
  const events = await server.events(taskId);
  expect(
    events.flatMap(({ data }) => data['message'] ?? []).filter((text) => String(text).startsWith('retry')),
  ).toEqual(['retry 1 of 2 in 2 s after: exit code 1', 'retry 2 of 2 in 2 s after: exit code 2']);
  expect(events.at(-1)).toMatchObject({ event: 'failed', data: { error: 'exit code 3' } });
  const [first = 0, second = 0, third = 0] = await times(taskId, 'running');
  expect(second - first).toBeGreaterThan(1900);
  expect(third - second).toBeGreaterThan(1900);
});

it('the log has every step of a task and no content of it', async () => {
  const taskId = await server.submit('retrying', { text: SECRET_TEXT });
  await server.call('POST', `/r/tasks/${taskId}/cancel`);
  const text = logged.join('');
  expect(text).toMatch(/task [\da-f-]{36} \(retrying@1\): submitted/);
  expect(text).toMatch(/\(retrying@1\): started on agent pretend, attempt 1/);
  expect(text).toMatch(
    /\(retrying@1\): failed, and is retried in 1 s after \d+\.\d s on agent pretend, attempt 1/,
  );
  expect(text).toMatch(/\(retrying@1\): completed after \d+\.\d s on agent pretend, attempt 3/);
  expect(text).toContain(`task ${taskId}: cancelled`);
  expect(text).not.toContain(SECRET_TEXT);
  expect(text).not.toContain('exit code');
});

it('a job that cannot be ended does not take the runs that were claimed with it', async () => {
  const ended = await server.submit('retrying', { text: 'ended before' });
  const taskId = await server.submit('retrying', { text: 'good' });
  const { db } = server.app.get(Database, { strict: false });
  await db.updateTable('task').set({ task_status: 'cancelled' }).where('id', '=', ended).execute();
  const engine = server.app.get(Engine, { strict: false });
  const settling = vi.spyOn(engine, 'settle').mockRejectedValueOnce(new Error('the connection was lost'));
  const runs = await agent.claim(2);
  expect(settling).toHaveBeenCalledOnce();
  settling.mockRestore();
  expect(runs.map((run) => run.taskId)).toEqual([taskId]);
  const [run = expect.fail('no run')] = runs;
  await server.runs.started(run);
  await server.runs.completed(run, 'done', [], {});
  expect((await server.get(`/r/tasks/${taskId}`)).body.task_status).toBe('completed');
});
