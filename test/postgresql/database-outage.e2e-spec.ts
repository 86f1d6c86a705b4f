import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, eventsIn, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';

let postgresql: PostgresqlServer;
let server: RuntimeServer;
let agent: TestAgent;
let folder: string;

const stateOf = async (taskId: string): Promise<unknown> =>
  (await server.get(`/r/tasks/${taskId}`)).body.task_status;

beforeAll(async () => {
  postgresql = await PostgresqlServer.start();
  folder = await mkdtemp(join(tmpdir(), 'cyberun-outage-'));
  const counted = join(folder, 'counted');
  const count = shellWorkflow('count', `echo run >> '${counted}'; sleep 2; echo done >> '${counted}'`);
  const env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  server = await RuntimeServer.start({ 'count.yaml': count }, { env });
  agent = await TestAgent.start(server);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await postgresql[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it('the runtime answers 503 and is not ready while the database is away, and recovers when it is back', async () => {
  await postgresql.stop();
  const { status, body } = await server.get('/r/workflows');
  expect({ status, body }).toEqual({
    status: 503,
    body: { error_message: 'The database of this runtime cannot be reached. Try again in a few seconds.' },
  });
  const ready = await fetch(`${server.origin}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { error_message: 'the database cannot be reached' },
  ]);
  expect((await fetch(`${server.origin}/health/live`)).status).toBe(200);
  await postgresql.start();
  expect((await fetch(`${server.origin}/health/ready`)).status).toBe(200);
  expect((await server.get('/r/workflows')).status).toBe(200);
});

it('a run that ended while the database was away completes once, and its event stream misses nothing', async () => {
  const taskId = await server.submit('count', {});
  await until(async () => (await stateOf(taskId)) === 'running');
  // Open before the database goes, as the key of the request is looked up in it.
  const stream = await fetch(`${server.origin}/api/v1/r/tasks/${taskId}/events`, {
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}` },
  });
  await postgresql.stop();
  const lines = async (): Promise<string[]> =>
    (await readFile(join(folder, 'counted'), 'utf8')).trim().split('\n');
  await until(async () => (await lines()).includes('done'));
  await postgresql.start();
  await until(async () => (await stateOf(taskId)) === 'completed');
  expect(await lines()).toEqual(['run', 'done']);
  expect(eventsIn(await stream.text()).map(({ id, event }) => [id, event])).toEqual([
    ['1', 'status'],
    ['2', 'status'],
    ['3', 'status'],
    ['4', 'completed'],
  ]);
});

it('an agent stays connected while the database is away, and runs the next task at once', async () => {
  const taskId = await server.submit('count', {});
  await until(async () => (await stateOf(taskId)) === 'completed');
  expect((await server.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    agent_id: 'agent-1',
    retry_count: 0,
  });
});
