import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { CLIENTS, type Progress } from '../support/clients.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { McpApp } from '../support/mcp-app.js';
import { startMcp } from '../support/mcp-application.js';
import { call, McpHttp } from '../support/mcp-http.js';
import { events, type MockRuntime } from '../support/mock-runtime.js';
import { until } from '../support/processes.js';
import { RedisServer } from '../support/redis-server.js';
import { itKeepsItsPromises } from '../support/resume-promises.js';
import { RoundRobin } from '../support/round-robin.js';
import { TASK_ID, taskSample, WORKFLOW_ID, workflowSample } from '../support/runtime-samples.js';
import { ServerProcess } from '../support/server.js';
import { Connection, Talk } from '../support/talk.js';
import { TalkTools } from '../support/talk-tools.js';

let redis: RedisServer;
let client: Redis;
let apps: readonly [McpApp, McpApp];

const started = (): Promise<McpApp> =>
  McpApp.start({ environment: { CYBERUN_REDIS_URL: redis.url }, controllers: [TalkTools] });

beforeAll(async () => {
  redis = await RedisServer.start();
  client = new Redis(redis.url);
  client.on('error', () => undefined);
  apps = await Promise.all([started(), started()]);
});
afterAll(async () => {
  await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()));
  client.disconnect();
  await redis[Symbol.asyncDispose]();
});

/** Places that Redis keeps of the stream an event belongs to. */
async function placesIn(eventId: string): Promise<number[]> {
  const [key = ''] = await client.keys(`cyberun:mcp:*:log:${eventId.split('.')[0]}`);
  const entries = await client.xrange(key, '-', '+');
  return entries.map(([id]) => Number.parseInt(id, 10) - 1);
}

describe('after a client has lost its connection, and comes back at another replica', () => {
  itKeepsItsPromises(() => ({ runs: apps[0], resumes: apps[1] }));
});

describe('after a client has lost its connection, and comes back at the same replica', () => {
  itKeepsItsPromises(() => ({ runs: apps[0], resumes: apps[0] }));
});

it('Redis keeps at most the latest thousand events of a stream', async () => {
  const talk = await Talk.begin(apps[0]);
  await talk.first.next();
  const words = Array.from({ length: 1200 }, (_, index) => `word ${index}`);
  talk.tools.say(...words);
  expect(await talk.first.words(1200)).toEqual(words);
  talk.tools.end();
  await talk.first.rest();
  await until(async () => (await placesIn(talk.first.lastEventId)).at(-1) === 1201);
  const second = await talk.resume(apps[1], talk.first.lastEventId.replace(/\d+$/, '0'));
  const [result, ...rest] = (await second.rest()).toReversed();
  expect(rest.map(({ params }) => params?.['message']).toReversed()).toEqual(words.slice(201));
  expect(result).toMatchObject({ result: { structuredContent: { said: 1200 } } });
});

it('the events of a stream expire in Redis, and name neither the session nor the key', async () => {
  const talk = await Talk.begin(apps[0]);
  talk.tools.say('one');
  await talk.first.words(1);
  const keys = await client.keys('cyberun:mcp:*:log:*');
  expect(keys.length).toBeGreaterThan(0);
  for (const key of keys) {
    expect(key).not.toContain(talk.session);
    expect(await client.pttl(key)).toBeGreaterThan(0);
  }
  talk.tools.end();
});

it('a stream has the latest thousand events after more were sent while Redis was away', async () => {
  const talk = await Talk.begin(apps[0]);
  talk.tools.say('before');
  await talk.first.words(1);
  await redis.kill();
  const words = Array.from({ length: 1500 }, (_, index) => `word ${index}`);
  talk.tools.say(...words);
  talk.tools.end();
  await talk.first.rest();
  await redis.start();
  const { lastEventId } = talk.first;
  await until(async () => (await placesIn(lastEventId)).at(-1) === 1502);
  const second = await talk.resume(apps[1], lastEventId.replace(/\d+$/, '0'));
  const all = await second.rest();
  expect(all.slice(0, -1).map(({ params }) => params?.['message'])).toEqual(words.slice(501));
  expect(all.at(-1)).toMatchObject({ result: { structuredContent: { said: 1501 } } });
});

it('a stream has every event that was sent while Redis was away', async () => {
  const talk = await Talk.begin(apps[0]);
  talk.tools.say('before');
  await talk.first.words(1);
  await redis.kill();
  talk.tools.say('without', 'Redis');
  expect(await talk.first.words(2), 'a connected client gets it').toEqual(['without', 'Redis']);
  await redis.start();
  talk.tools.say('after');
  talk.tools.end();
  await talk.first.rest();
  const afterFirst = talk.first.lastEventId.replace(/\d+$/, '1');
  let second = await talk.resume(apps[1], afterFirst);
  await until(async () => {
    // Redis, or the replica with what it still has to write, is not back yet.
    if (second.response.status !== 200) second = await talk.resume(apps[1], afterFirst);
    return second.response.status === 200;
  });
  expect(await second.words(4)).toEqual(['without', 'Redis', 'after', { said: 4, why: 'ended' }]);
});

const status = (name: string, id: string) => ({
  id,
  event: 'status',
  data: { task_id: TASK_ID, status: name },
});
const step = (current: number) => ({
  id: `step-${current}`,
  event: 'progress',
  data: { task_id: TASK_ID, progress: current / 20, step_current: current, step_total: 20 },
});
const settings = () => ({ CYBERUN_REDIS_URL: redis.url });
const TASK = 'GET /r/tasks/:id';
const EVENTS = 'GET /r/tasks/:id/events';

const comeBack = CLIENTS.filter(({ revision, name }) => revision !== '2026-07-28' && name !== 'raw HTTP');

it.each(comeBack)(
  'stream_task_events over connections that are cut loses no event for $name',
  async ({ connect }) => {
    await using runtime = await friendlyRuntime();
    await using one = await startMcp(runtime.url, settings());
    await using other = await startMcp(runtime.url, settings());
    await using balancer = await RoundRobin.start([one.endpoint, other.endpoint]);
    const seen: Progress[] = [];
    const received = (count: number) => ({
      until: () => vi.waitFor(() => expect(seen).toHaveLength(count), { timeout: 60_000, interval: 5 }),
    });
    const cut = { until: () => Promise.resolve(balancer.cut()) };
    const steps = (from: number) => [0, 1, 2, 3, 4].map((each) => step(from + each));
    runtime.on(
      EVENTS,
      events([
        status('running', '1'),
        received(1),
        cut,
        ...steps(1),
        received(6),
        cut,
        ...steps(6),
        received(11),
        cut,
        ...steps(11),
        received(16),
        cut,
        ...steps(16),
        { id: '9', event: 'completed', data: { task_id: TASK_ID, status: 'completed' } },
      ]),
    );
    runtime.on(TASK, { json: taskSample('completed') });
    const connected = await connect({ endpoint: balancer.endpoint, key: 'sk-resume-0123456789' });

    const args = { task_id: TASK_ID };
    const result = await connected.call('stream_task_events', args, {
      onprogress: (progress) => seen.push(progress),
    });

    expect(result.structuredContent).toMatchObject({ task_status: 'completed' });
    expect(seen.map(({ message }) => /step (\d+)/.exec(message ?? '')?.[1])).toEqual([
      undefined,
      ...Array.from({ length: 20 }, (_, index) => String(index + 1)),
      undefined,
    ]);
    expect(balancer.counts.every((count) => count > 0)).toBe(true);
    await connected[Symbol.asyncDispose]();
  },
);

describe('crash of a replica during a stream', () => {
  let runtime: MockRuntime;
  beforeAll(async () => {
    runtime = await friendlyRuntime();
  });
  afterAll(() => runtime[Symbol.asyncDispose]());

  const replica = (more: Record<string, string> = {}): Promise<ServerProcess> =>
    ServerProcess.start({ CYBERUN_RUNTIME_URL: runtime.url, ...settings(), ...more }, ['--role', 'mcp']);

  it('when the replica that ran stream_task_events has died, the replay ends with an error that names the task and get_task', async () => {
    runtime.on(
      EVENTS,
      events([status('running', '1'), step(1), { until: delay(60_000, undefined, { ref: false }) }]),
    );
    runtime.on(TASK, { json: taskSample('running') });
    await using dying = await replica();
    await using staying = await replica();
    const client = new McpHttp({ url: dying.endpoint });
    const session = await client.open();
    const followed = call('stream_task_events', { task_id: TASK_ID }, 3, { progressToken: 'p' });
    const first = await Connection.open((signal) => client.ask(session, followed, { signal }));
    const { id = '' } = await first.next();
    expect((await first.words(2)).at(-1)).toContain('step 1/20');
    // The client comes back for what it has received already, so that there is something to see.
    await until(async () => (await placesIn(id)).at(-1) === 2);

    await dying.end('SIGKILL');
    const other = new McpHttp({ url: staying.endpoint });
    const headers = { 'Last-Event-ID': id };
    const second = await Connection.open((signal) => other.listen(session, { headers, signal }));
    const [, reported, last, ...more] = await second.rest();

    expect(reported?.params?.['message']).toContain('step 1/20');
    expect(last).toMatchObject({ id: 3, result: { isError: true } });
    const { error_message } = last?.result?.structuredContent ?? {};
    expect(error_message).toBe(
      `The server that worked on this call is gone. The task goes on: call get_task with task_id ${TASK_ID}, or stream_task_events again.`,
    );
    expect(more).toEqual([]);
  });

  it('when the replica that waited for runs has died, the replay says how to find out whether they have started', async () => {
    const headers = { 'Cyberun-Features': 'workflow-tools, idempotency-key' };
    runtime.on('POST /r/workflows/:id/run', { status: 202, json: { task_id: TASK_ID }, headers });
    runtime.on(EVENTS, events([{ until: delay(60_000, undefined, { ref: false }) }]));
    runtime.on(TASK, { json: taskSample('running'), headers });
    runtime.on('GET /r/workflows', {
      json: { workflow_list: [{ ...workflowSample, is_tool: true }] },
      headers,
    });
    const toolsets = { CYBERUN_MCP_TOOLSETS: 'workflow-tools' };
    await using dying = await replica(toolsets);
    await using staying = await replica(toolsets);
    const at = ({ endpoint }: ServerProcess): McpHttp =>
      new McpHttp({ url: `${endpoint}?toolsets=workflow-tools` });
    const run = { workflow_id: WORKFLOW_ID, wait_seconds: 45 };
    const cases: [string, object, string][] = [
      ['run_workflow', run, 'A run may have started: look with list_tasks before you run it again.'],
      [
        'run_workflow',
        { ...run, idempotency_key: 'k' },
        'A run may have started: call again with the same idempotency_key and arguments, which starts no second one.',
      ],
      [
        'run_sd_portrait_v2',
        {},
        'A run of sd-portrait-v2 may have started: look with list_tasks and workflow_slug "sd-portrait-v2" before you run it again.',
      ],
    ];
    runtime.seen.length = 0;
    const begun = [];
    for (const [tool, args, advice] of cases) {
      const session = await at(dying).open();
      const asked = call(tool, args, 3);
      const first = await Connection.open((signal) => at(dying).ask(session, asked, { signal }));
      const { id = '' } = await first.next();
      begun.push({ session, id, advice });
    }
    await until(async () => runtime.requests('POST /r/workflows/:id/run').length === cases.length);
    await dying.end('SIGKILL');
    for (const { session, id, advice } of begun) {
      const headers = { 'Last-Event-ID': id };
      const second = await Connection.open((signal) => at(staying).listen(session, { headers, signal }));
      const last = (await second.rest()).at(-1);
      expect(last).toMatchObject({ id: 3, result: { isError: true } });
      expect(last?.result?.structuredContent.error_message).toBe(
        `The server that worked on this call is gone. ${advice}`,
      );
    }
  });
});
