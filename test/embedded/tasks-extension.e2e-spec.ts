import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { type Message, nextOf } from '../support/mcp-http.js';
import { until } from '../support/processes.js';
import { TaskClient } from '../support/task-client.js';

let runtime: RuntimeServer;
let agent: TestAgent;
let replicas: readonly [McpApplication, McpApplication];
let here: TaskClient;
let there: TaskClient;

beforeAll(async () => {
  runtime = await RuntimeServer.start({
    'short.yaml': shellWorkflow('short', 'echo done'),
    'long.yaml': shellWorkflow('long', 'sleep 300'),
  });
  agent = await TestAgent.start(runtime);
  const url = `${runtime.origin}/api/v1`;
  replicas = await Promise.all([startMcp(url), startMcp(url)]);
  const [one, other] = replicas;
  here = await TaskClient.connect({ endpoint: one.endpoint, key: BOOTSTRAP_KEY });
  there = await TaskClient.connect({ endpoint: other.endpoint, key: BOOTSTRAP_KEY });
});
afterAll(async () => {
  await Promise.all([here, there].map((client) => client[Symbol.asyncDispose]()));
  await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
  await agent[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

const started = async (workflow_slug: string): Promise<string> =>
  String((await here.call('run_workflow_by_slug', { workflow_slug }))['taskId']);

it('a run of the embedded runtime is a task that another replica follows to its result', async () => {
  const id = await started('short');
  const stop = new AbortController();
  const news = await there.listen([id], {}, stop.signal);
  expect(await nextOf(news)).toMatchObject({ params: { notifications: { taskIds: [id] } } });
  let last: Message | undefined;
  while (last?.params?.['status'] !== 'completed') last = await nextOf(news);
  stop.abort();
  expect(last.params).toMatchObject({
    taskId: id,
    result: { resultType: 'complete', structuredContent: { task_id: id, task_status: 'completed' } },
  });
  expect(await there.get(id)).toMatchObject({ status: 'completed', result: last.params['result'] });
});

it('a run of the embedded runtime is cancelled at another replica than the one that started it', async () => {
  const id = await started('long');
  await until(async () => String((await there.get(id))['statusMessage']).includes('running'));
  await there.cancel(id);
  expect(await here.get(id)).toMatchObject({ status: 'cancelled' });
});

it('a task of the embedded runtime that does not exist is not found', async () => {
  await expect(here.get('019abc12-9012-7890-abcd-ef1234567000')).rejects.toMatchObject({ code: -32602 });
});
