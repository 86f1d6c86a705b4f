import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { CredentialsStore } from '../../src/runtime/credentials/index.js';
import { Database, TEAM_ID, uuidV7 } from '../../src/runtime/database/index.js';
import { Retention } from '../../src/runtime/retention/index.js';
import { until } from '../support/processes.js';
import {
  type Answer,
  BOOTSTRAP_KEY,
  echoWorkflow,
  PretendAgent,
  RuntimeServer,
} from '../e2e/runtime-support/runtime-fixture.js';

let server: RuntimeServer;
beforeAll(async () => {
  server = await RuntimeServer.start({
    'echo.yaml': echoWorkflow('echo'),
    'other.yaml': echoWorkflow('other'),
    'short-lived.yaml': echoWorkflow('short-lived'),
  });
});
afterAll(() => server[Symbol.asyncDispose]());

const database = () => server.app.get(Database, { strict: false }).db;

/** Submits a run with an Idempotency-Key. */
async function run(
  key: string,
  body: object = { parameters: { text: 'hi' } },
  { name = 'slug/echo', as = BOOTSTRAP_KEY } = {},
): Promise<Pick<Answer, 'status' | 'body'>> {
  const response = await fetch(`${server.origin}/api/v1/r/workflows/${name}/run`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${as}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}
async function count(): Promise<number> {
  return (await server.get('/r/tasks')).body.page_meta.total_count as number;
}

it('fifty requests at once with one key make one task, and each gets its id', async () => {
  const before = await count();
  const answers = await Promise.all(Array.from({ length: 50 }, () => run('fifty at once')));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  expect(new Set(answers.map(({ body }) => body.task_id)).size).toBe(1);
  expect(await count()).toBe(before + 1);
  const taskId = answers[0]?.body.task_id as string;
  expect((await server.get(`/r/tasks/${taskId}`)).body.task_status).toBe('waiting');
});

it('of forty requests at once with one key and four inputs, those of one input get its task and the others 409', async () => {
  const before = await count();
  const inputs = Array.from({ length: 40 }, (_, at) => ({ parameters: { text: `input ${at % 4}` } }));
  const answers = await Promise.all(inputs.map((body) => run('four inputs', body)));
  const accepted = answers.filter(({ status }) => status === 202);
  const refused = answers.filter(({ status }) => status === 409);
  expect([accepted.length, refused.length]).toEqual([10, 30]);
  expect(new Set(accepted.map(({ body }) => body.task_id)).size).toBe(1);
  expect(refused[0]?.body.error_message).toMatch(/^This Idempotency-Key was used for a run of another/);
  expect(await count()).toBe(before + 1);
});

it('a key covers the workflow, its parameters and the fields, in any order and by id or slug', async () => {
  const { id } = (await server.get('/r/workflows/slug/echo')).body as { id: string };
  const first = await run('covered', { parameters: { text: 'a', times: 3 }, tool_type: 'x' });
  const same = await run(
    'covered',
    { tool_type: 'x', parameters: { times: 3, text: 'a' } },
    { name: id.toUpperCase() },
  );
  expect(same).toEqual(first);
  const versioned = await run(
    'covered',
    { parameters: { text: 'a', times: 3 }, tool_type: 'x' },
    { name: 'slug/echo@1' },
  );
  expect(versioned).toEqual(first);
  for (const [body, name] of [
    [{ parameters: { text: 'a', times: 3 } }, 'slug/echo'],
    [{ parameters: { text: 'a', times: 4 }, tool_type: 'x' }, 'slug/echo'],
    [{ parameters: { text: 'a', times: 3 }, tool_type: 'x' }, 'slug/other'],
  ] as const) {
    expect((await run('covered', body, { name })).status).toBe(409);
  }
  expect((await run('another', { parameters: { text: 'a', times: 3 } })).body).not.toEqual(first.body);
});

it('a rejected request leaves its key free', async () => {
  expect((await run('free again', { parameters: { text: 5 } })).status).toBe(400);
  expect((await run('free again')).status).toBe(202);
});

it('a key belongs to one team', async () => {
  const teamId = uuidV7();
  await database().insertInto('team').values({ id: teamId, team_slug: 'apart' }).execute();
  await database()
    .insertInto('idempotency_key')
    .values({ team_id: teamId, key: 'of a team', request_hash: 'other', task_id: uuidV7() })
    .execute();
  const { raw_key } = await new CredentialsStore(database(), teamId).create({
    kind: 'integration',
    display_name: 'apart',
  });
  expect((await run('of a team')).status).toBe(202);
  expect((await run('of a team', {}, { as: raw_key })).status).toBe(404);
});

it.each([
  ['empty', ''],
  ['longer than 255 characters', 'k'.repeat(256)],
  ['not printable', 'a\tb'],
  ['not ASCII', 'clé'],
])('a key that is %s is rejected by name', async (_what, key) => {
  expect(await run(key)).toEqual({
    status: 400,
    body: { error_message: expect.stringMatching(/^The header Idempotency-Key must have 1 to 255/) },
  });
});

it('a repeated request gets the first task after its end, a change of the workflow, a restart and its removal', async () => {
  const named = { name: 'slug/short-lived' };
  const first = await run('kept', undefined, named);
  const agent = new PretendAgent(server, server.app.get<string>(TEAM_ID, { strict: false }));
  for (const task of await agent.claim(200)) await server.runs.completed(task, {}, []);

  const { folder } = server;
  await server.stop();
  await writeFile(
    join(folder, 'short-lived.yaml'),
    echoWorkflow('short-lived').replace('required: [text]', 'required: [text, times]'),
  );
  server = await RuntimeServer.start({}, { folder });
  expect((await server.get('/r/workflows/slug/short-lived')).body.version).toBe(2);
  expect(await run('kept', undefined, named)).toEqual(first);
  expect((await run('kept', {}, named)).status).toBe(409);

  await rm(join(folder, 'short-lived.yaml'));
  await until(
    async () => (await server.get('/r/workflows/slug/short-lived')).body.workflow_status === 'disabled',
  );
  expect(await run('kept', undefined, named)).toEqual(first);
  expect((await run('new', undefined, named)).body.error_message).toContain('is disabled');
});

it('a key is free again after 24 hours, and expired keys are removed in batches', async () => {
  const first = await run('of yesterday');
  await run('of today');
  const age = (hours: number) =>
    sql`update idempotency_key set created_at = now() - make_interval(hours => ${hours})
      where key = 'of yesterday'`.execute(database());
  await age(23);
  expect(await run('of yesterday')).toEqual(first);
  await age(24);
  const second = await run('of yesterday', { parameters: { text: 'new' } });
  expect(second.status).toBe(202);
  expect(second.body).not.toEqual(first.body);
  expect(await run('of yesterday', { parameters: { text: 'new' } })).toEqual(second);

  await age(25);
  await sql`insert into idempotency_key (team_id, key, request_hash, task_id, created_at)
    select team_id, 'expired ' || n, '', task_id, now() - interval '2 days'
    from idempotency_key, generate_series(1, 2500) n where key = 'of today'`.execute(database());
  await server.app.get(Retention, { strict: false }).sweep();
  const keys = async (): Promise<string[]> =>
    (await database().selectFrom('idempotency_key').select('key').execute()).map(({ key }) => key);
  expect((await keys()).filter((key) => key.startsWith('expired'))).toEqual([]);
  expect(await keys()).toContain('of today');
  expect(await keys()).not.toContain('of yesterday');
});
