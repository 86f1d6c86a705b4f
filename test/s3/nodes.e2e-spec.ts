import { afterAll, beforeAll, expect, it } from 'vitest';

import { Retention } from '../../src/runtime/retention/index.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { PostgresqlServer } from '../support/postgresql-server.js';
import { until } from '../support/processes.js';
import { ObjectStoreServer } from '../support/versitygw.js';

const resources = new AsyncDisposableStack();
let store: ObjectStoreServer;
let nodes: readonly [RuntimeServer, RuntimeServer];
beforeAll(async () => {
  store = resources.use(await ObjectStoreServer.start());
  const postgresql = resources.use(await PostgresqlServer.start());
  const env = { ...store.settings, CYBERUN_DATABASE_URL: await postgresql.newDatabase() };
  const files = { 'leave.yaml': shellWorkflow('leave', 'echo left > output/a.txt') };
  const start = async () => resources.use(await RuntimeServer.start(files, { env }));
  nodes = [await start(), await start()];
});
afterAll(() => resources.disposeAsync());

it('an output of a run at one node is downloaded by the link of another node', async () => {
  const [one, other] = nodes;
  await using _agent = await TestAgent.start(one);
  const id = await other.submit('leave', {});
  await until(async () => (await other.get(`/r/tasks/${id}`)).body.task_status === 'completed');
  const { body } = await other.get(`/r/tasks/${id}/result`);
  const response = await fetch(body.download_urls['a.txt'] as string);
  expect(await response.text()).toBe('left\n');
});

it('two nodes that sweep at the same time remove the expired files of the bucket', async () => {
  const keys = [1, 2, 3].map((index) => `inputs/team/${index}/dGV4dC9wbGFpbg/a`);
  for (const key of keys) await store.plant(key, 2);
  await Promise.all(nodes.map(({ app }) => app.get(Retention, { strict: false }).sweep()));
  expect(keys.filter((key) => store.has(key))).toEqual([]);
});
