import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { answerOf, McpHttp, nextOf } from '../support/mcp-http.js';
import { events, type MockRuntime } from '../support/mock-runtime.js';
import { resultSample, TASK_ID, taskSample, WORKFLOW_ID } from '../support/runtime-samples.js';
import { TaskClient, TASKS } from '../support/task-client.js';

const TASK = 'GET /r/tasks/:id';
const RESULT = 'GET /r/tasks/:id/result';
const EVENTS = 'GET /r/tasks/:id/events';
const CANCEL = 'POST /r/tasks/:id/cancel';
const OTHER = '019abc12-9012-7890-abcd-ef1234567000';
const RUN = { workflow_id: WORKFLOW_ID, body: { prompt: 'x' } };
const created = {
  resultType: 'task',
  createdAt: '2025-02-10T14:00:00Z',
  lastUpdatedAt: '2025-02-10T14:00:00Z',
  ttlMs: null,
  pollIntervalMs: 5000,
};

let runtime: MockRuntime;
/** Two replicas that share nothing but the runtime. */
let replicas: readonly [McpApplication, McpApplication];
let here: TaskClient;
let there: TaskClient;
let undeclared: TaskClient;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  replicas = await Promise.all([startMcp(runtime.url), startMcp(runtime.url)]);
  const [one, other] = replicas;
  here = await TaskClient.connect({ endpoint: one.endpoint, key: KEY });
  there = await TaskClient.connect({ endpoint: other.endpoint, key: KEY });
  undeclared = await TaskClient.connect({ endpoint: other.endpoint, key: KEY }, {});
});
afterAll(async () => {
  await Promise.all([here, there, undeclared].map((client) => client[Symbol.asyncDispose]()));
  await Promise.all(replicas.map((replica) => replica[Symbol.asyncDispose]()));
  await runtime[Symbol.asyncDispose]();
});
beforeEach(() => {
  runtime.seen.length = 0;
  runtime.on('POST /r/workflows/:id/run', { status: 202, json: { task_id: TASK_ID } });
  runtime.on(RESULT, { json: resultSample });
  runtime.on(CANCEL, { json: { is_success: true } });
});

it('server/discover announces the Tasks extension and initialize does not', async () => {
  expect(here.sdk.getServerCapabilities()).toMatchObject({ extensions: { [TASKS]: {} } });
  const http = new McpHttp({ url: replicas[0].endpoint });
  const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'a', version: '1' } };
  const { result } = await answerOf(
    await http.send('POST', { jsonrpc: '2.0', id: 1, method: 'initialize', params: hello }),
  );
  expect(result).not.toHaveProperty('capabilities.extensions');
});

it('run_workflow answers a client that declares the extension with a task, which any replica shows to its end', async () => {
  const reason = 'no connected agent has the labels gpu';
  runtime.on(TASK, { json: taskSample('waiting', { status_reason: reason }) });
  const handle = await here.call('run_workflow', RUN);
  expect(handle).toMatchObject({
    ...created,
    taskId: TASK_ID,
    status: 'working',
    statusMessage: `task waiting: ${reason}`,
  });
  expect(handle).not.toHaveProperty('content');

  runtime.on(TASK, {
    json: taskSample('running', { agent_id: 'gpu-01', progress: { step_current: 7, step_total: 20 } }),
  });
  expect(await there.get(TASK_ID)).toMatchObject({
    status: 'working',
    statusMessage: 'task running on agent gpu-01, step 7/20',
  });

  runtime.on(TASK, { json: taskSample('completed', { completed_at: '2025-02-10T14:01:30Z' }) });
  const waited = await undeclared.call('run_workflow', { ...RUN, wait_seconds: 5 });
  const { resultType: _type, _meta, ...result } = waited;
  expect(await there.get(TASK_ID)).toMatchObject({
    status: 'completed',
    lastUpdatedAt: '2025-02-10T14:01:30Z',
    result: { ...result, resultType: 'complete' },
  });
});

it('a client that does not declare the extension gets the usual answer', async () => {
  runtime.on(TASK, { json: taskSample('completed') });
  expect(await undeclared.call('run_workflow', RUN)).toMatchObject({
    structuredContent: { task_id: TASK_ID },
  });
  expect(await undeclared.call('stream_task_events', { task_id: TASK_ID })).toMatchObject({
    structuredContent: { id: TASK_ID, task_status: 'completed' },
  });
});

it.each([
  ['tasks/get', { taskId: TASK_ID }],
  ['tasks/update', { taskId: TASK_ID, inputResponses: {} }],
  ['tasks/cancel', { taskId: TASK_ID }],
  ['subscriptions/listen', { notifications: { taskIds: [TASK_ID] } }],
])(
  '%s of a client that does not declare the extension is refused with what is missing',
  async (method, params) => {
    const http = new McpHttp({ url: replicas[0].endpoint });
    const response = await http.stateless(method, params, { headers: { 'Mcp-Name': TASK_ID } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: -32021, data: { requiredCapabilities: { extensions: { [TASKS]: {} } } } },
    });
    expect(runtime.requests(TASK)).toHaveLength(0);
  },
);

it.each(['failed', 'cancelled'])(
  'the task of a run that was %s ends as the extension says',
  async (state) => {
    runtime.on(TASK, { json: taskSample(state) });
    runtime.on(RESULT, { json: { ...resultSample, task_status: state, task_error: 'out of memory' } });
    const shown = await here.get(TASK_ID);
    if (state === 'cancelled') expect(shown).toMatchObject({ status: 'cancelled' });
    else
      expect(shown).toMatchObject({
        status: 'completed',
        result: { structuredContent: { task_error: 'out of memory' } },
      });
  },
);

it('the handle of a run leaves although its task cannot be read for a moment', async () => {
  runtime.on(TASK, { status: 503, json: { error_message: 'starting' } });
  expect(await here.call('run_workflow', RUN)).toMatchObject({ resultType: 'task', taskId: TASK_ID });
});

it('tasks/cancel cancels a run that goes on, and acknowledges one that has ended', async () => {
  runtime.on(TASK, { json: taskSample('running') });
  expect(await there.cancel(TASK_ID)).not.toHaveProperty('status');
  expect(runtime.requests(CANCEL)).toHaveLength(1);

  runtime.on(TASK, { json: taskSample('completed') });
  await there.cancel(TASK_ID);
  expect(runtime.requests(CANCEL)).toHaveLength(1);
});

it('stream_task_events answers with a task for the wait, and to cancel it leaves the run alone', async () => {
  runtime.on(TASK, { json: taskSample('running') });
  const { taskId, status } = await here.call('stream_task_events', { task_id: TASK_ID });
  expect(status).toBe('working');
  await there.cancel(String(taskId));
  expect(runtime.requests(CANCEL)).toHaveLength(0);

  runtime.on(TASK, { json: taskSample('cancelled') });
  expect(await there.get(String(taskId))).toMatchObject({
    status: 'completed',
    result: { structuredContent: { id: TASK_ID, task_status: 'cancelled' } },
  });
});

it.each([
  ['run_workflow', { ...RUN, wait_seconds: 20 }, TASK_ID],
  ['stream_task_events', { task_id: TASK_ID, timeout_seconds: 20 }, `follow.${TASK_ID}`],
])(
  'a limit of %s is part of the task, which ends with a note when the time is up',
  async (tool, args, base) => {
    runtime.on(TASK, { json: taskSample('running') });
    const { taskId } = await here.call(tool, args);
    expect(taskId).toMatch(new RegExp(`^${base}\\.\\d+$`));
    expect(await there.get(String(taskId))).toMatchObject({ status: 'working' });
    expect(await there.get(`${base}.1000`)).toMatchObject({
      status: 'completed',
      result: { structuredContent: { task_status: 'running', note: expect.stringContaining('Time is up') } },
    });
  },
);

it('a task of another team is not found, by the key of that very request', async () => {
  runtime.on(TASK, ({ headers }, response) => {
    const isOwner = headers.authorization === `Bearer ${KEY}`;
    response.writeHead(isOwner ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(isOwner ? taskSample('running') : { error_message: 'resource not found' }));
  });
  await using otherTeam = await TaskClient.connect({
    endpoint: replicas[0].endpoint,
    key: 'sk-another-0123456789',
  });
  const { taskId } = await here.call('run_workflow', RUN);
  await expect(otherTeam.get(String(taskId))).rejects.toMatchObject({ code: -32602 });
  await expect(otherTeam.cancel(String(taskId))).rejects.toMatchObject({ code: -32602 });
  await expect(otherTeam.update(String(taskId), {})).rejects.toMatchObject({ code: -32602 });
  expect(runtime.requests(CANCEL)).toHaveLength(0);
  const messages = await otherTeam.listen([taskId]);
  expect(await nextOf(messages)).toMatchObject({ params: { notifications: { taskIds: [] } } });
  expect(await nextOf(messages)).toMatchObject({ result: { resultType: 'complete' } });
});

it.each([
  ['an id of another form', { taskId: 'nonsense' }, 'Task not found'],
  ['no id', {}, 'params.taskId is missing; it must be a string'],
  ['an id that is no text', { taskId: 7 }, 'params.taskId must be a string'],
])('tasks/get with %s is refused with a sentence', async (_what, params, message) => {
  await expect(here.request('tasks/get', params)).rejects.toMatchObject({
    code: -32602,
    message: expect.stringContaining(message),
  });
});

it('tasks/update without responses is refused with a sentence, and responses that no task asked for are ignored', async () => {
  runtime.on(TASK, { json: taskSample('running') });
  await expect(here.request('tasks/update', { taskId: TASK_ID })).rejects.toMatchObject({
    code: -32602,
    message: 'Invalid params: params.inputResponses is missing; it must be an object.',
  });
  expect(await here.update(TASK_ID, { of_nobody: { action: 'accept' } })).not.toHaveProperty('status');
});

it('tasks/get with the name of another task in its header is refused', async () => {
  const http = new McpHttp({ url: replicas[0].endpoint });
  const response = await http.stateless('tasks/get', { taskId: TASK_ID }, { headers: { 'Mcp-Name': OTHER } });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: -32020 } });
});

it('a failure of the runtime is an error of tasks/get that says what happened', async () => {
  runtime.on(TASK, { status: 503, json: { error_message: 'the database is being restarted' } });
  await expect(here.get(TASK_ID)).rejects.toMatchObject({
    code: -32603,
    message: expect.stringContaining('the database is being restarted'),
  });
});

it('a subscription at any replica tells what a task is, and every change until its end', async () => {
  const [begins, ends] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  runtime.on(TASK, { json: taskSample('waiting') });
  runtime.on(
    EVENTS,
    events([
      { until: begins.promise },
      { id: '1', event: 'status', data: { task_id: TASK_ID, status: 'running' } },
      { until: ends.promise },
      { id: '2', event: 'completed', data: { task_id: TASK_ID, status: 'completed' } },
    ]),
  );
  const stop = new AbortController();
  const messages = await there.listen(
    [TASK_ID, TASK_ID, 'nonsense'],
    { toolsListChanged: true },
    stop.signal,
  );
  expect(await nextOf(messages)).toMatchObject({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { toolsListChanged: true, taskIds: [TASK_ID] } },
  });
  const told = {
    method: 'notifications/tasks',
    params: { taskId: TASK_ID, _meta: { 'io.modelcontextprotocol/subscriptionId': 1 } },
  };
  expect(await nextOf(messages)).toMatchObject({
    ...told,
    params: { ...told.params, status: 'working', statusMessage: 'task waiting' },
  });
  runtime.on(TASK, { json: taskSample('running') });
  begins.resolve();
  expect(await nextOf(messages)).toMatchObject({
    ...told,
    params: { ...told.params, statusMessage: 'task running' },
  });
  runtime.on(TASK, { json: taskSample('completed') });
  ends.resolve();
  const last = await nextOf(messages);
  expect(last).toMatchObject({ ...told, params: { ...told.params, status: 'completed' } });
  expect(last.params?.['result']).toEqual((await here.get(TASK_ID))['result']);
  stop.abort();
});

it('a subscription tells the end of a task although its result cannot be read at once', async () => {
  runtime.on(TASK, { json: taskSample('running') });
  const ends = Promise.withResolvers<void>();
  runtime.on(
    EVENTS,
    events([
      { until: ends.promise },
      { id: '1', event: 'completed', data: { task_id: TASK_ID, status: 'completed' } },
    ]),
  );
  const stop = new AbortController();
  const messages = await there.listen([TASK_ID], {}, stop.signal);
  await nextOf(messages);
  expect(await nextOf(messages)).toMatchObject({ params: { status: 'working' } });
  runtime.on(TASK, { json: taskSample('completed') });
  runtime.on(RESULT, (_request, response) => {
    runtime.on(RESULT, { json: resultSample });
    response.writeHead(503).end();
  });
  ends.resolve();
  expect(await nextOf(messages)).toMatchObject({ params: { taskId: TASK_ID, status: 'completed' } });
  expect(runtime.requests(RESULT)).toHaveLength(2);
  stop.abort();
});

it('a subscription to something else than a list of ids is refused with a sentence', async () => {
  const http = new McpHttp({ url: replicas[0].endpoint });
  const declared = { 'io.modelcontextprotocol/clientCapabilities': { extensions: { [TASKS]: {} } } };
  const response = await http.stateless(
    'subscriptions/listen',
    { notifications: { taskIds: 'all' } },
    { meta: declared },
  );
  expect(await response.json()).toMatchObject({
    error: {
      code: -32602,
      message: 'Invalid params: params.notifications.taskIds must be a list of strings.',
    },
  });
});
