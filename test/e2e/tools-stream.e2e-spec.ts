import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { CLIENTS, type Progress, type StoryClient } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { type Answer, events, type MockRuntime } from '../support/mock-runtime.js';
import { TASK_ID, taskSample } from '../support/runtime-samples.js';

const TASK = 'GET /r/tasks/:id';
const EVENTS = 'GET /r/tasks/:id/events';

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

const status = (name: string, id: string, more: object = {}) => ({
  id,
  event: 'status',
  data: { task_id: TASK_ID, status: name, ...more },
});
const step = (current: number, id: string) => ({
  id,
  event: 'progress',
  data: { task_id: TASK_ID, progress: current / 20, step_current: current, step_total: 20 },
});
const end = (name: string, id: string) => ({ id, event: name, data: { task_id: TASK_ID, status: name } });
const OTHER_ID = '019abc12-9012-7890-abcd-ef1234567899';

/** Answers for the two tasks with these states. */
const eachTask =
  (first: string, other: string): Answer =>
  ({ path }, response) => {
    const task = path.includes(OTHER_ID)
      ? taskSample(other, { id: OTHER_ID, task_error: 'exit code 3', status_reason: 'no agent is connected' })
      : taskSample(first, { progress: { progress: 0.35 } });
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(task));
  };
const running = { agent_id: 'gpu-01' };

describe.each(CLIENTS)('stream_task_events with $name', ({ connect }) => {
  let client: StoryClient;
  let seen: Progress[];

  beforeAll(async () => {
    client = await connect({ endpoint: application.endpoint, key: 'sk-stream-0123456789' });
    await client.listTools();
  });
  afterAll(() => client[Symbol.asyncDispose]());

  const followAll = (args: object = {}) => {
    seen = [];
    const wanted = { task_ids: [TASK_ID, OTHER_ID, TASK_ID], ...args };
    return client.call('stream_task_events', wanted, { onprogress: (progress) => seen.push(progress) });
  };
  const follow = (args: object = {}) => {
    seen = [];
    return client.call(
      'stream_task_events',
      { task_id: TASK_ID, ...args },
      {
        onprogress: (progress) => seen.push(progress),
      },
    );
  };
  /** The script continues when the client has received so many reports. */
  const toldSoFar = (count: number) => ({
    until: () => vi.waitFor(() => expect(seen).toHaveLength(count), { timeout: 60_000, interval: 5 }),
  });
  const messages = () => seen.map(({ message }) => message);
  const expectRising = (): void => {
    const numbers = seen.map(({ progress }) => progress);
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
    expect(seen.every(({ total }) => total === 1)).toBe(true);
  };

  it.each(['completed', 'failed', 'cancelled'])(
    'stream_task_events reports every step up to %s and returns the task',
    async (state) => {
      const script = [
        status('waiting', '1'),
        status('queued', '2'),
        status('running', '3', running),
        step(7, '4'),
      ];
      runtime.on(EVENTS, events([...script, { comment: 'beat' }, step(20, '5'), end(state, '6')]));
      runtime.on(TASK, { json: taskSample(state) });
      const result = await follow();
      expect(result.isError).toBeFalsy();
      expect(result.structuredContent).toEqual(taskSample(state));
      expect(messages()).toEqual(
        [
          'task waiting',
          'task queued',
          'task running on agent gpu-01',
          'task running, step 7/20',
          'task running, step 20/20',
          `task ${state}`,
        ].map((message) => message.replace('running,', 'running on agent gpu-01,')),
      );
      expectRising();
      expect(seen.filter(({ progress }) => progress === 1)).toEqual([seen.at(-1)]);
    },
  );

  it('stream_task_events sends progress as it happens, not at the end', async () => {
    const { promise: received, resolve } = Promise.withResolvers<void>();
    runtime.on(EVENTS, events([status('running', '1', running), { until: received }, end('completed', '2')]));
    runtime.on(TASK, { json: taskSample('completed') });
    const result = client.call('stream_task_events', { task_id: TASK_ID }, { onprogress: () => resolve() });
    await received;
    expect((await result).structuredContent).toMatchObject({ task_status: 'completed' });
  });

  it('stream_task_events follows without notifications for a client that sent no progress token', async () => {
    runtime.on(EVENTS, events([status('running', '1'), end('completed', '2')]));
    runtime.on(TASK, { json: taskSample('completed') });
    const result = await client.call('stream_task_events', { task_id: TASK_ID });
    expect(result.structuredContent).toEqual(taskSample('completed'));
  });

  it('stream_task_events resumes a stream that broke, after the last event it saw', async () => {
    const before = runtime.requests(EVENTS).length;
    runtime.on(
      EVENTS,
      events([status('queued', '1'), status('running', '2', running), toldSoFar(2)], { cut: true }),
      events([step(3, '3'), toldSoFar(3)], { cut: true }),
      events([end('completed', '4')]),
    );
    runtime.on(
      TASK,
      { json: taskSample('running') },
      { json: taskSample('running') },
      { json: taskSample('completed') },
    );
    expect((await follow()).structuredContent).toMatchObject({ task_status: 'completed' });
    const resumed = runtime.requests(EVENTS).slice(before);
    expect(resumed.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2', '3']);
    expect(messages()).toEqual([
      'task queued',
      'task running on agent gpu-01',
      'task running on agent gpu-01, step 3/20',
      'task completed',
    ]);
  });

  it('stream_task_events polls when there is no stream', async () => {
    runtime.on(EVENTS, { status: 501, json: {} });
    runtime.on(
      TASK,
      { json: taskSample('queued') },
      { json: taskSample('running') },
      { json: taskSample('failed') },
    );
    expect((await follow()).structuredContent).toMatchObject({ task_status: 'failed' });
    expect(messages()).toEqual(['task queued', 'task running', 'task failed']);
    expectRising();
  });

  it('stream_task_events returns the task as it is when the time is up, with a note', async () => {
    const forever = new Promise<never>(() => {});
    const dropped = runtime.dropped.length;
    runtime.on(EVENTS, events([status('running', '1', running), { until: forever }]));
    runtime.on(TASK, { json: taskSample('running') });
    const result = await follow({ timeout_seconds: 1 });
    expect(result.isError).toBeFalsy();
    expect(result.structuredContent).toEqual({
      ...taskSample('running'),
      note: expect.stringContaining('call stream_task_events again'),
    });
    expect(seen.every(({ progress }) => progress < 1)).toBe(true);
    await vi.waitFor(() => expect(runtime.dropped).toHaveLength(dropped + 1), { timeout: 60_000 });
  });

  it.each([
    ['takes progress', 300],
    ['takes no progress, and may end a silent call after 60 s', 50],
  ])('stream_task_events for a client that %s ends after %d s by default', async (kind, seconds) => {
    const timers = vi.spyOn(globalThis, 'setTimeout');
    runtime.on(EVENTS, events([status('running', '1'), end('completed', '2')]));
    runtime.on(TASK, { json: taskSample('completed') });
    await (kind === 'takes progress' ? follow() : client.call('stream_task_events', { task_id: TASK_ID }));
    const waits = timers.mock.calls.map(([, delay]) => delay);
    timers.mockRestore();
    expect(waits).toContain(seconds * 1000);
    expect(waits).not.toContain((350 - seconds) * 1000);
  });

  it('stream_task_events follows several tasks, and returns all of them when they have ended', async () => {
    runtime.on(EVENTS, (request, response) =>
      events(request.path.includes(OTHER_ID) ? [end('failed', '1')] : [step(10, '1'), end('completed', '2')])(
        request,
        response,
      ),
    );
    runtime.on(TASK, eachTask('completed', 'failed'));
    const result = await followAll();
    const { task_list, note } = result.structuredContent as { task_list: object[]; note: string };
    expect(task_list).toMatchObject([
      { id: TASK_ID, task_status: 'completed' },
      { id: OTHER_ID, task_status: 'failed', task_error: 'exit code 3' },
    ]);
    expect(note).toMatch(/^All 2 tasks have ended: 1 completed, 1 failed\. Call get_task_result/);
    expectRising();
    expect(messages()).toEqual(
      expect.arrayContaining([`0 of 2 ended; task ${TASK_ID} running, 50%, step 10/20`]),
    );
    expect(seen.filter(({ progress }) => progress === 1)).toEqual([seen.at(-1)]);
    expect(messages().at(-1)).toMatch(/^2 of 2 ended; task/);
  });

  it('stream_task_events returns several tasks as they are when the time is up', async () => {
    const forever = new Promise<never>(() => {});
    runtime.on(EVENTS, events([status('running', '1', running), { until: forever }]));
    runtime.on(TASK, eachTask('running', 'waiting'));
    const result = await followAll({ timeout_seconds: 1 });
    expect(result.isError).toBeFalsy();
    expect(result.structuredContent).toMatchObject({
      task_list: [
        { id: TASK_ID, task_status: 'running', progress: { progress: 0.35 } },
        { id: OTHER_ID, task_status: 'waiting', status_reason: 'no agent is connected' },
      ],
      note: expect.stringMatching(
        /^Time is up after 1 s: 1 running, 1 waiting.*with their ids in task_ids\.$/,
      ),
    });
  });

  it('stream_task_events of several tasks fails with the id of the one that does not exist', async () => {
    const refusal = { status: 404, json: { error_message: 'resource not found' } };
    const forever = new Promise<never>(() => {});
    runtime.on(EVENTS, (request, response) =>
      events(request.path.includes(OTHER_ID) ? [] : [{ until: forever }])(request, response),
    );
    runtime.on(TASK, ({ path }, response) => {
      const isOther = path.includes(OTHER_ID);
      response.writeHead(isOther ? 404 : 200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(isOther ? refusal.json : taskSample('running')));
    });
    const result = await followAll();
    expect(result.isError).toBe(true);
    expect(result.structuredContent?.['error_message']).toMatch(
      new RegExp(`^Task ${OTHER_ID}: resource not found`),
    );
  });

  it.each([
    [{}, /exactly one of the two/],
    [{ task_id: TASK_ID, task_ids: [OTHER_ID] }, /exactly one of the two/],
    [{ task_ids: [] }, /task_ids: must name 1 to 20 tasks/],
    [{ task_ids: ['last'] }, /task_ids.*must be a UUID/],
    [{ task_ids: Array.from({ length: 21 }, () => TASK_ID) }, /task_ids: must name 1 to 20 tasks/],
  ])('stream_task_events refuses %j with what to give', async (args, words) => {
    const result = await client.call('stream_task_events', args);
    expect(result.isError).toBe(true);
    expect(result.structuredContent?.['error_message']).toMatch(words);
  });

  it('stream_task_events fails at once for an unknown task', async () => {
    const refusal = { status: 404, json: { error_message: 'resource not found' } };
    runtime.on(EVENTS, refusal).on(TASK, refusal);
    const result = await follow();
    expect(result.isError).toBe(true);
    expect(result.structuredContent).toEqual({
      error_message: 'resource not found. Check the id or slug with the matching list tool.',
    });
    expect(seen).toEqual([]);
  });
});

it.each<[string, ConstructorParameters<typeof Client>[1]]>([
  ['2026-07-28', { versionNegotiation: { mode: 'auto' } }],
  ['2025-06-18', { supportedProtocolVersions: ['2025-06-18'] }],
])(
  'a client of %s that disconnects closes the stream of the runtime and does not cancel the task',
  async (_revision, options) => {
    const cancelled = runtime.requests('POST /r/tasks/:id/cancel').length;
    const dropped = runtime.dropped.length;
    runtime.on(EVENTS, events([status('running', '1', running), { until: new Promise<never>(() => {}) }]));
    const client = new Client({ name: 'hasty', version: '1' }, options);
    const headers = { Authorization: 'Bearer sk-hasty-0123456789' };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(application.endpoint), { requestInit: { headers } }),
    );
    const giveUp = new AbortController();
    const call = client.callTool(
      { name: 'stream_task_events', arguments: { task_id: TASK_ID } },
      { signal: giveUp.signal, onprogress: () => giveUp.abort() },
    );
    await expect(call).rejects.toThrow(/abort/i);
    await vi.waitFor(() => expect(runtime.dropped).toHaveLength(dropped + 1), { timeout: 60_000 });
    expect(runtime.requests('POST /r/tasks/:id/cancel')).toHaveLength(cancelled);
    await client.close();
  },
);
