import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { Database, TEAM_ID } from '../../src/runtime/database/index.js';
import { until } from '../support/processes.js';
import { type Answer, echoWorkflow, PretendAgent, RuntimeServer } from './runtime-support/runtime-fixture.js';

let server: RuntimeServer;
let agent: PretendAgent;

beforeAll(async () => {
  const long = '        long: { type: string }';
  const env = {
    CYBERUN_TEAM_TASKS_QUEUED: '5',
    CYBERUN_TEAM_PARAMETERS_BYTES: '4096',
    CYBERUN_TEAM_TASKS_RUNNING: '2',
  };
  server = await RuntimeServer.start({ 'echo.yaml': echoWorkflow('echo', { properties: long }) }, { env });
  agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
  await agent.connect();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(async () => {
  const open = await server.get('/r/tasks?per_page=100');
  for (const { id } of open.body.task_list) await server.call('POST', `/r/tasks/${id}/cancel`);
  await server.call('POST', `/r/tasks/${await accepted()}/cancel`);
});

const submit = (parameters: Record<string, unknown> = { text: 'hi' }): Promise<Answer> =>
  server.call('POST', '/r/workflows/slug/echo/run', { parameters });

/** Submits a task. A count of before is used for a moment, so it may be refused although there is room again. */
async function accepted(): Promise<string> {
  let answer: Answer | undefined;
  await until(async () => (answer = await submit()).status === 202);
  return answer?.body.task_id as string;
}

async function submitUntilRefused(parameters?: Record<string, unknown>): Promise<Answer> {
  for (let sent = 0; sent < 50; sent += 1) {
    const answer = await submit(parameters);
    if (answer.status !== 202) return answer;
  }
  throw new Error('every task was accepted');
}

const waiting = async (): Promise<number> =>
  (await server.get('/r/tasks?status=pending')).body.page_meta.total_count;

it('a team with too many waiting tasks gets 429 with the reason and a time, and room when one has begun', async () => {
  const { status, headers, body } = await submitUntilRefused();
  expect({ status, body }).toEqual({
    status: 429,
    body: { error_message: expect.stringMatching(/^5 tasks of this team wait .*CYBERUN_TEAM_TASKS_QUEUED/) },
  });
  expect(headers.get('retry-after')).toBe('5');
  await until(async () => (await submit()).status === 429 && (await waiting()) === 5);
  const run = await agent.take();
  await until(async () => (await submit()).status === 202);
  expect(await waiting()).toBe(5);
  await server.runs.completed(run, null, []);
});

it('the parameters of waiting tasks are limited together with 429, and those of one task with 403', async () => {
  const many = await submitUntilRefused({ text: 'hi', long: 'x'.repeat(1500) });
  expect(many).toMatchObject({
    status: 429,
    body: { error_message: expect.stringContaining('CYBERUN_TEAM_PARAMETERS_BYTES') },
  });
  expect(await waiting()).toBeLessThanOrEqual(3);
  const large = await submit({ text: 'hi', long: 'x'.repeat(5000) });
  expect(large).toMatchObject({
    status: 403,
    body: {
      error_message: expect.stringMatching(/^The parameters have \d+ bytes, .* Send large data as a file/),
    },
  });
  expect(large.headers.get('retry-after')).toBeNull();
});

it('no more tasks of a team run at the same time than its limit, over all agents', async () => {
  for (let sent = 0; sent < 4; sent += 1) await accepted();
  const other = new PretendAgent(server, agent.teamId, ['local', 'gpu']);
  const [mine, theirs] = await Promise.all([agent.claim(3), other.claim(3)]);
  const begun = [...mine, ...theirs];
  expect(begun).toHaveLength(2);
  expect(await agent.claim(3)).toEqual([]);
  for (const run of begun.slice(0, 1)) await server.runs.completed(run, null, []);
  expect(await other.claim(3)).toHaveLength(1);
});

it('the size of the parameters is kept with the task', async () => {
  const taskId = await accepted();
  const { db } = server.app.get(Database, { strict: false });
  const row = await db
    .selectFrom('task')
    .select(['parameters_bytes', sql<number>`octet_length(parameters::text)`.as('bytes')])
    .where('id', '=', taskId)
    .executeTakeFirstOrThrow();
  expect(row.parameters_bytes).toBe(row.bytes);
});
