import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { CLIENTS, type Progress, type StoryClient, type ToolResult } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { type Answer, events, type MockRuntime } from '../support/mock-runtime.js';
import {
  resultSample,
  TASK_ID,
  taskSample,
  WORKFLOW_ID,
  workflowSample,
} from '../support/runtime-samples.js';

const RUN = 'POST /r/workflows/slug/:slug/run';
const slug = 'sd-portrait-v2';
const accepted: Answer = { status: 202, json: { task_id: TASK_ID } };
const EARLIER = '019abc12-9012-7890-abcd-ef1234567000';

let runtime: MockRuntime;
let application: McpApplication;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  application = await startMcp(runtime.url);
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

/** The runtime announces these features from its next answer on. */
const announce = (features: string | undefined): void => {
  const headers = features === undefined ? {} : { 'Cyberun-Features': features };
  runtime.on('GET /r/workflows', { json: { workflow_list: [workflowSample] }, headers });
  runtime.on('GET /r/workflows/slug/:slug', { json: workflowSample, headers });
};

const sentRuns = () => runtime.seen.filter(({ method, path }) => method === 'POST' && path.endsWith('/run'));

describe.each(CLIENTS)('a run with $name', ({ connect }) => {
  let client: StoryClient;
  const run = (args: object, onprogress?: (progress: Progress) => void): Promise<ToolResult> =>
    client.call('run_workflow_by_slug', { workflow_slug: slug, ...args }, onprogress && { onprogress });
  const note = ({ structuredContent }: ToolResult): unknown => structuredContent?.['note'];

  beforeAll(async () => {
    client = await connect({ endpoint: application.endpoint, key: KEY });
    await client.listTools();
  });
  afterAll(() => client[Symbol.asyncDispose]());
  beforeEach(() => {
    runtime.seen.length = 0;
    runtime.on(RUN, accepted);
    announce(undefined);
  });

  it('run_workflow_by_slug waits for the end, with progress, and returns the result', async () => {
    const started = { id: '1', event: 'status', data: { task_id: TASK_ID, status: 'running' } };
    runtime.on('GET /r/tasks/:id/events', events([started]));
    runtime.on('GET /r/tasks/:id', { json: taskSample('completed') });
    runtime.on('GET /r/tasks/:id/result', { json: resultSample });
    const seen: Progress[] = [];
    const result = await run({ wait_seconds: 45 }, (progress) => seen.push(progress));
    const { id: _id, ...rest } = resultSample;
    expect(result).toMatchObject({ structuredContent: { task_id: TASK_ID, ...rest } });
    expect(seen.at(-1)).toMatchObject({ progress: 1 });
  });

  it('run_workflow_by_slug returns the task as it is when the wait is over', async () => {
    runtime.on('GET /r/tasks/:id/events', events([]));
    const reason = 'no connected agent has the labels gpu, cuda12';
    runtime.on('GET /r/tasks/:id', { json: taskSample('waiting', { status_reason: reason }) });
    const result = await run({ wait_seconds: 1 });
    expect(result).toMatchObject({
      structuredContent: { task_id: TASK_ID, task_status: 'waiting', status_reason: reason },
    });
    expect(result.isError).toBeFalsy();
    expect(note(result)).toContain(
      `It is waiting: ${reason}. To wait on, call stream_task_events with task_id ${TASK_ID}`,
    );
  });

  it('run_workflow_by_slug names the task also when the runtime fails while it waits', async () => {
    runtime.on('GET /r/tasks/:id/events', { status: 403, json: { error_message: 'not yours' } });
    runtime.on('GET /r/tasks/:id', { status: 403, json: { error_message: 'not yours' } });
    const result = await run({ wait_seconds: 5 });
    expect(result).toMatchObject({ structuredContent: { task_id: TASK_ID } });
    expect(result.isError).toBeFalsy();
    expect(note(result)).toMatch(/was submitted.*not yours.*Do not run it again/);
  });

  it('run_workflow_by_slug refuses an idempotency key where the runtime has none, and starts nothing', async () => {
    await client.call('list_workflows', {});
    const result = await run({ idempotency_key: 'order-4711' });
    expect(result.structuredContent?.['error_message']).toMatch(/Nothing was started.*idempotency_key out/);
    expect(result.isError).toBe(true);
    expect(sentRuns()).toEqual([]);
  });

  it('run_workflow_by_slug sends the idempotency key where the runtime announces it', async () => {
    announce('of-tomorrow, idempotency-key');
    await client.call('list_workflows', {});
    expect(await run({ idempotency_key: 'order-4711' })).toMatchObject({
      structuredContent: { task_id: TASK_ID },
    });
    expect(sentRuns().map(({ headers }) => headers['idempotency-key'])).toEqual(['order-4711']);
  });

  it('run_workflow_by_slug takes the parameters of an earlier task, and the body overrides them', async () => {
    const parameters = { prompt: 'a cat', seed: 7 };
    const task = taskSample('failed', { workflow_slug: slug, parameters });
    runtime.on('GET /r/tasks/:id', { json: task });
    await run({ like_task_id: EARLIER, body: { seed: 8 } });
    expect(sentRuns().map(({ body }) => body)).toEqual([{ parameters: { prompt: 'a cat', seed: 8 } }]);
    expect(runtime.seen.map(({ path }) => path)).toContain(`/r/tasks/${EARLIER}`);
  });

  it.each([
    ['another workflow', { workflow_slug: 'mandelbrot', parameters: {} }, /run of workflow mandelbrot/],
    ['a runtime without parameters', {}, /does not give the parameters/],
  ])('run_workflow_by_slug refuses a task of %s in like_task_id', async (_name, task, words) => {
    runtime.on('GET /r/tasks/:id', { json: taskSample('failed', task) });
    const result = await run({ like_task_id: EARLIER });
    expect(result.structuredContent?.['error_message']).toMatch(words);
    expect(sentRuns()).toEqual([]);
  });

  it.each<[object, RegExp]>([
    [{ wait_seconds: 46 }, /wait_seconds: must be at most 45/],
    [{ wait_seconds: -1 }, /wait_seconds: must be at least 0/],
    [{ idempotency_key: '' }, /idempotency_key: must have 1 to 255 printable/],
    [{ idempotency_key: 'ü' }, /idempotency_key: must have 1 to 255 printable/],
    [{ like_task_id: 'last' }, /like_task_id: must be a UUID/],
  ])('run_workflow_by_slug refuses %j by the name of the argument', async (args, words) => {
    const result = await run(args);
    expect(result.structuredContent?.['error_message']).toMatch(words);
    expect(sentRuns()).toEqual([]);
  });
});

it('run_workflow starts a run with an idempotency key as the first call of a server', async () => {
  announce('idempotency-key');
  runtime.on('POST /r/workflows/:id/run', accepted);
  const fresh = await startMcp(runtime.url);
  const [first] = CLIENTS;
  const client = await first?.connect({ endpoint: fresh.endpoint, key: KEY });
  const result = await client?.call('run_workflow', { workflow_id: WORKFLOW_ID, idempotency_key: 'k' });
  expect(result?.structuredContent).toEqual({ task_id: TASK_ID });
  await client?.[Symbol.asyncDispose]();
  await fresh[Symbol.asyncDispose]();
});
