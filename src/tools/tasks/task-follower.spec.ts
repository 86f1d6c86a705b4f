import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { TASK_ID, taskSample } from '../../../test/support/runtime-samples.js';
import type { Task } from '../../contract/index.js';
import {
  type Caller,
  type OnEvent,
  type ServerSentEvent,
  UpstreamError,
  type UpstreamFailure,
} from '../../upstream/index.js';
import type { TasksService } from './tasks.service.js';
import { followTask } from './task-follower.js';
import type { ProgressReport } from './task-progress.js';

type Step = ServerSentEvent | UpstreamError | Promise<void>;

const sent = (event: string, data: object = {}, id?: string): ServerSentEvent => ({
  event,
  data: JSON.stringify(data),
  ...(id !== undefined && { id }),
});
const status = (name: string, id?: string, more = {}): ServerSentEvent =>
  sent('status', { status: name, ...more }, id);
const failure = (kind: UpstreamFailure, code?: number): UpstreamError =>
  new UpstreamError(kind, { error_message: `${kind} ${code}` }, { operation: 'follow', status: code });

let abort: AbortController;
let reports: ProgressReport[];

/** A runtime whose streams and polls follow a script; the last line of a script is repeated. */
function scripted(streams: Step[][], polls: (Task | UpstreamError)[]) {
  const resumedAfter: (string | undefined)[] = [];
  const next = <Line>(lines: Line[]): Line => (lines.length > 1 ? lines.shift() : lines[0]) as Line;
  const get = vi.fn((caller: Caller) => {
    if (caller.signal.aborted) return Promise.reject(failure('cancelled'));
    const poll = next(polls);
    return poll instanceof UpstreamError ? Promise.reject(poll) : Promise.resolve(poll);
  });
  async function events(caller: Caller, _taskId: string, onEvent: OnEvent, lastEventId?: string) {
    resumedAfter.push(lastEventId);
    for (const step of next(streams)) {
      if (caller.signal.aborted) throw failure('cancelled');
      if (step instanceof UpstreamError) throw step;
      if (step instanceof Promise) await Promise.race([step, aborted(caller.signal)]);
      else if (await onEvent(step)) return;
    }
  }
  return { resumedAfter, get, tasks: { get, events } as unknown as TasksService };
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(failure('cancelled')), { once: true });
  });
const never = (): Promise<void> => new Promise(() => {});

const follow = (tasks: TasksService, { seconds = 300, isSilent = false } = {}): Promise<Task> =>
  followTask(
    tasks,
    { key: 'sk-x', signal: abort.signal },
    {
      taskId: TASK_ID,
      seconds,
      report: isSilent
        ? undefined
        : (report) => {
            reports.push(report);
            return Promise.resolve();
          },
    },
  );
const messages = (): string[] => reports.map(({ message }) => message);

beforeEach(() => {
  vi.useFakeTimers({ fakeNodeBuiltins: true });
  abort = new AbortController();
  reports = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** Advances the timers until the promise settles. */
async function passing<Value>(promise: Promise<Value>): Promise<Value> {
  const state = { isSettled: false };
  const settled = promise.finally(() => (state.isSettled = true));
  settled.catch(() => undefined);
  while (!state.isSettled) await vi.advanceTimersByTimeAsync(100);
  return settled;
}

it('followTask reports every event and returns the task when it has ended', async () => {
  const { tasks, get } = scripted(
    [
      [
        status('waiting', '1'),
        status('running', '2', { agent_id: 'gpu-01' }),
        sent('progress', { progress: 0.35, step_current: 7, step_total: 20 }, '3'),
        sent('error', { error: 'could not read the status' }, '4'),
        sent('of-tomorrow', {}, '5'),
        sent('completed', { status: 'completed', output: {} }, '6'),
        sent('progress', { progress: 0.1 }, '7'),
      ],
    ],
    [taskSample('completed')],
  );
  expect(await passing(follow(tasks))).toEqual(taskSample('completed'));
  expect(messages()).toEqual([
    'task waiting',
    'task running on agent gpu-01',
    'task running on agent gpu-01, step 7/20',
    'task completed',
  ]);
  expect(get).toHaveBeenCalledOnce();
});

it.each(['completed', 'failed', 'cancelled'])(
  'followTask returns at once when the task is %s already',
  async (end) => {
    const { tasks } = scripted([[sent(end, { status: end })]], [taskSample(end)]);
    expect(await passing(follow(tasks))).toEqual(taskSample(end));
    expect(reports).toEqual([{ progress: 1, total: 1, message: `task ${end}` }]);
  },
);

it('followTask ends on a status event with a terminal status', async () => {
  const { tasks } = scripted([[status('failed'), never()]], [taskSample('failed')]);
  expect(await passing(follow(tasks))).toEqual(taskSample('failed'));
});

it('followTask does not end on an unknown state', async () => {
  const { tasks } = scripted(
    [[status('provisioning'), sent('completed')]],
    [taskSample('provisioning'), taskSample('completed')],
  );
  expect(await passing(follow(tasks))).toMatchObject({ task_status: 'completed' });
  expect(messages()).toEqual(['task provisioning', 'task completed']);
});

it('followTask polls for the agent when the stream does not name it, but only for a client that wants progress', async () => {
  const script = () => [[status('running'), sent('completed')]];
  const loud = scripted(script(), [taskSample('running', { agent_id: 'a' }), taskSample('completed')]);
  await passing(follow(loud.tasks));
  expect(messages()[0]).toBe('task running on agent a');

  const quiet = scripted(script(), [taskSample('completed')]);
  await passing(follow(quiet.tasks, { isSilent: true }));
  expect(quiet.get).toHaveBeenCalledOnce();
});

it('followTask ignores payloads that are not JSON', async () => {
  const { tasks } = scripted(
    [[{ event: 'status', data: '{' }, { event: 'progress', data: 'x' }, sent('completed')]],
    [taskSample('completed')],
  );
  expect(await passing(follow(tasks))).toMatchObject({ task_status: 'completed' });
});

it('followTask resumes a broken stream after the last event, which does not show in the progress', async () => {
  const { tasks, resumedAfter } = scripted(
    [
      [status('queued', '1'), failure('unreachable')],
      [status('running', '2', { agent_id: 'a' }), failure('timeout')],
      [sent('completed', {}, '3')],
    ],
    [taskSample('queued'), taskSample('running', { agent_id: 'a' }), taskSample('completed')],
  );
  await passing(follow(tasks));
  expect(resumedAfter).toEqual([undefined, '1', '2']);
  expect(messages()).toEqual(['task queued', 'task running on agent a', 'task completed']);
});

it('followTask polls when there is no stream at all', async () => {
  const { tasks } = scripted(
    [[failure('rejected', 404)]],
    [taskSample('queued'), taskSample('running'), taskSample('running'), taskSample('completed')],
  );
  expect(await passing(follow(tasks))).toMatchObject({ task_status: 'completed' });
  expect(messages()).toEqual(['task queued', 'task running', 'task completed']);
});

it('followTask polls for the end when the stream closes before it', async () => {
  const { tasks } = scripted([[status('running', '1')]], [taskSample('failed', { task_error: 'x' })]);
  expect(await passing(follow(tasks, { isSilent: true }))).toMatchObject({ task_error: 'x' });
});

it('followTask waits while the runtime restarts', async () => {
  const { tasks, get } = scripted(
    [[status('running', '1', { agent_id: 'a' }), failure('unreachable')], [failure('unreachable')]],
    [failure('unreachable'), failure('rejected', 503), failure('timeout'), taskSample('completed')],
  );
  expect(await passing(follow(tasks))).toMatchObject({ task_status: 'completed' });
  expect(get).toHaveBeenCalledTimes(4);
});

it.each([failure('unreachable'), failure('rejected', 404), failure('rejected', 429), failure('invalid')])(
  'followTask fails when the first answer is an error: $message',
  async (error) => {
    const { tasks } = scripted([[error]], [error]);
    await expect(passing(follow(tasks))).rejects.toBe(error);
  },
);

it.each([failure('rejected', 401), failure('rejected', 404), failure('invalid', 200)])(
  'followTask fails on a later error that is not temporary: $message',
  async (error) => {
    const { tasks } = scripted([[status('queued', '1'), failure('unreachable')]], [error]);
    await expect(passing(follow(tasks))).rejects.toBe(error);
  },
);

it('followTask returns the task as it is when the time is up, which is no error', async () => {
  const { tasks } = scripted([[status('running', '1', { agent_id: 'a' }), never()]], [taskSample('running')]);
  const began = Date.now();
  expect(await passing(follow(tasks, { seconds: 20 }))).toEqual(taskSample('running'));
  expect(Date.now() - began).toBeLessThan(21_000);
  expect(reports.every(({ progress }) => progress < 1)).toBe(true);
  expect(reports).toHaveLength(2);
});

it('followTask reports the end of a task that ends as the time is up', async () => {
  const { tasks } = scripted([[never()]], [taskSample('completed')]);
  expect(await passing(follow(tasks, { seconds: 1 }))).toEqual(taskSample('completed'));
  expect(reports.at(-1)?.progress).toBe(1);
});

it.each([
  ['while the stream is open', [[status('running', '1', { agent_id: 'a' }), never()]]],
  ['between two polls', [[failure('rejected', 404)]]],
])('followTask sends no further request when the caller aborts %s', async (_when, streams) => {
  const { tasks, get } = scripted(streams, [taskSample('running')]);
  const following = follow(tasks);
  following.catch(() => undefined);
  await vi.advanceTimersByTimeAsync(10);
  const polls = get.mock.calls.length;
  abort.abort();
  await expect(passing(following)).rejects.toMatchObject({ kind: 'cancelled' });
  expect(get.mock.calls.filter(([{ signal }]) => !signal.aborted)).toHaveLength(0);
  expect(get.mock.calls.length).toBeLessThanOrEqual(polls + 2);
});
