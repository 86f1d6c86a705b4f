import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
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
    'pinned.yaml': echoWorkflow('pinned', { metadata: '    tool: true' }),
  });
  agent = await TestAgent.start(runtime);
  const url = `${runtime.origin}/api/v1`;
  const settings = { CYBERUN_MCP_TOOLSETS: 'workflow-tools' };
  replicas = await Promise.all([startMcp(url, settings), startMcp(url, settings)]);
  const [one, other] = replicas;
  const at = ({ endpoint }: McpApplication) => ({
    endpoint: `${endpoint}?toolsets=workflow-tools`,
    key: BOOTSTRAP_KEY,
  });
  here = await TaskClient.connect(at(one));
  there = await TaskClient.connect(at(other));
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

it('the tool of a pinned workflow answers with a task, which another replica shows to its result', async () => {
  const handle = await here.call('run_pinned', { text: 'hello' });
  expect(handle).toMatchObject({ resultType: 'task', status: 'working' });
  // Without a limit, which only clients that take no task need.
  const id = String(handle['taskId']);
  expect(id).toMatch(/^[\da-f-]{36}$/);
  await until(async () => (await there.get(id))['status'] === 'completed');
  const { result } = await there.get(id);
  expect(result).toMatchObject({
    resultType: 'complete',
    structuredContent: { task_id: id, task_status: 'completed', task_output: expect.anything() },
  });
  expect((await here.get(id))['result']).toEqual(result);
  const { body } = await runtime.get(`/r/tasks/${id}`);
  expect(body).toMatchObject({ workflow_slug: 'pinned', parameters: { text: 'hello' } });
});

it('the tool of a pinned workflow refuses a wrong parameter at once, and gives no task for it', async () => {
  const refused = await here.call('run_pinned', { text: 7, txt: 'x' });
  expect(refused).toMatchObject({ resultType: 'complete', isError: true });
});
