import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Database } from '../../src/runtime/database/index.js';
import { AgentRegistry } from '../../src/runtime/gateway/index.js';
import { keysOf, shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';

let postgresql: PostgresqlServer;
let folder: string;
let env: Record<string, string>;
let files: Record<string, string>;

const startNode = (leaseSeconds?: number): Promise<RuntimeServer> =>
  RuntimeServer.start(files, { env, ...(leaseSeconds !== undefined && { leaseSeconds }) });
const statusOf = async (node: RuntimeServer, taskId: string): Promise<string> =>
  (await node.get(`/r/tasks/${taskId}`)).body.task_status as string;
const begun = async (): Promise<number> =>
  (await readFile(join(folder, 'begun'), 'utf8').catch(() => '')).split('\n').filter(Boolean).length;

/** An agent with a key that is good at every node. */
async function startAgent(node: RuntimeServer, otherNodes: RuntimeServer[]): Promise<TestAgent> {
  const { raw_key: key } = await keysOf(node).create({ kind: 'agent', display_name: 'agent' });
  return TestAgent.start(node, { key, otherNodes });
}

beforeAll(async () => {
  postgresql = await PostgresqlServer.start();
  folder = await mkdtemp(join(tmpdir(), 'cyberun-reattach-'));
  // Ends once the test has made a file, so that no test depends on time.
  const command = `echo begun >> ${folder}/begun; i=0
while [ ! -e ${folder}/go ]; do i=$((i+1)); echo line $i; sleep 0.1; done
echo end > output/end.txt`;
  files = { 'work.yaml': shellWorkflow('work', command) };
});
afterAll(async () => {
  await postgresql[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** The lines of a log that is followed to its end. */
async function followedLog(node: RuntimeServer, taskId: string): Promise<string[]> {
  const response = await fetch(`${node.origin}/api/v1/r/tasks/${taskId}/logs?follow=true`, {
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, accept: 'text/plain' },
  });
  return (await response.text()).trim().split('\n');
}

it('a run goes on when its node goes away, and ends once at the node that its agent reaches next', async () => {
  env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  await using second = await startNode();
  const first = await startNode();
  await using _agent = await startAgent(first, [second]);
  const taskId = await second.submit('work', {});
  await until(async () => (await begun()) === 1);
  const log = followedLog(second, taskId);
  await first[Symbol.asyncDispose]();
  await until(async () => (await second.get('/r/agents')).body.page_meta.total_count === 1);
  expect(await statusOf(second, taskId)).toBe('running');
  await writeFile(join(folder, 'go'), '');
  const events = await second.events(taskId);
  expect(events.at(-1)?.event).toBe('completed');
  expect(events.map(({ data }) => data['message']).filter(Boolean)).toEqual([]);
  const { body } = await second.get(`/r/tasks/${taskId}/result`);
  expect(Object.keys(body.download_urls)).toEqual(['end.txt']);
  expect((await second.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    interrupted_count: 0,
    retry_count: 0,
  });
  expect(await begun()).toBe(1);
  // Followed at the node that did not have the run at first, over the change.
  const lines = await log;
  expect(lines).toEqual(lines.map((_line, index) => `line ${index + 1}`));
  const { log_list } = (await second.get(`/r/tasks/${taskId}/logs?tail=1`)).body;
  expect(log_list[0].text).toBe(lines.at(-1));
});

it('a run that was cancelled while its agent was away ends when the agent is back', async () => {
  env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  await rm(join(folder, 'go'), { force: true });
  const before = await begun();
  await using second = await startNode();
  const first = await startNode();
  await using agent = await startAgent(first, [second]);
  const taskId = await second.submit('work', {});
  await until(async () => (await begun()) === before + 1);
  const isRunningThere = async (): Promise<boolean> =>
    (await readdir(join(agent.workDir, 'runs'))).length > 0;
  expect(await isRunningThere()).toBe(true);
  const closed = first[Symbol.asyncDispose]();
  expect((await second.call('POST', `/r/tasks/${taskId}/cancel`)).status).toBe(200);
  await closed;
  await until(async () => !(await isRunningThere()));
  expect(await statusOf(second, taskId)).toBe('cancelled');
});

it('a run is given to another agent when its own stays away for longer than the lease', async () => {
  env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  await rm(join(folder, 'go'), { force: true });
  const before = await begun();
  await using node = await startNode(2);
  const gone = await startAgent(node, []);
  const taskId = await node.submit('work', {});
  await until(async () => (await begun()) === before + 1);
  await using _other = await TestAgent.start(node, { agentId: 'agent-2' });
  // No goodbye, and no return: as if the machine had lost its network.
  const key = (await keysOf(node).list()).find(({ kind }) => kind === 'agent');
  await keysOf(node).revoke(key?.id ?? '');
  node.app.get(AgentRegistry, { strict: false }).list()[0]?.session.destroy();
  await expect(gone.ended).rejects.toThrow('401');
  await until(async () => (await begun()) === before + 2);
  await writeFile(join(folder, 'go'), '');
  await until(async () => (await statusOf(node, taskId)) === 'completed');
  expect((await node.get(`/r/tasks/${taskId}`)).body).toMatchObject({
    agent_id: 'agent-2',
    interrupted_count: 1,
    retry_count: 0,
  });
  await rm(gone.workDir, { recursive: true, force: true });
});

it('a run is repeated after the lease when there is no trace of the node that held it', async () => {
  env = { CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  await using node = await startNode(2);
  const taskId = await node.submit('work', {});
  const { db } = node.app.get(Database, { strict: false });
  await sql`update task set task_status = 'running', attempt_count = 1, node_id = gen_random_uuid()
    where id = ${taskId}`.execute(db);
  await until(async () => (await statusOf(node, taskId)) === 'waiting');
  expect((await node.get(`/r/tasks/${taskId}`)).body).toMatchObject({ interrupted_count: 1, retry_count: 0 });
  expect(await db.selectFrom('runtime_node').select('id').execute()).toHaveLength(1);
});
