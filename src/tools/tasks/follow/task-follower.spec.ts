import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { TASK_ID, taskSample } from '../../../../test/support/runtime-samples.js';
import type { Task } from '../../../contract/index.js';
import {
  type Caller,
  type OnEvent,
  type ServerSentEvent,
  UpstreamError,
  type UpstreamFailure,
} from '../../../upstream/index.js';
import type { TasksService } from '../tasks.service.js';
import { TaskFollower } from './task-follower.js';
import type { ProgressReport } from './task-progress.js';

type Step = ServerSentEvent | UpstreamError | Promise<void>;

const told = (event: string, data: object = {}, id?: string): ServerSentEvent => ({
  event,
  data: JSON.stringify(data),
  ...(id !== undefined && { id }),
});
const status = (name: string, id?: string, more = {}): ServerSentEvent =>
  told('status', { status: name, ...more }, id);
const failure = (kind: UpstreamFailure, code?: number): UpstreamError =>
  new UpstreamError(kind, { error_message: `${kind} ${code}` }, { operation: 'follow', status: code });

let giveUp: AbortController;
let reports: ProgressReport[];

/** A runtime whose streams and looks follow a script; when a script is at its end, its last line is repeated. */
function scripted(streams: Step[][], looks: (Task | UpstreamError)[]) {
  const resumedAfter: (string | undefined)[] = [];
  const next = <Line>(lines: Line[]): Line => (lines.length > 1 ? lines.shift() : lines[0]) as Line;
  const get = vi.fn((caller: Caller) => {
    if (caller.signal.aborted) return Promise.reject(failure('cancelled'));
    const look = next(looks);
    return look instanceof UpstreamError ? Promise.reject(look) : Promise.resolve(look);
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
  return { resumedAfter, get, follower: new TaskFollower({ get, events } as unknown as TasksService) };
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(failure('cancelled')), { once: true });
  });
const forever = (): Promise<void> => new Promise(() => {});

const follow = (follower: TaskFollower, { seconds = 300, isQuiet = false } = {}): Promise<Task> =>
  follower.follow(
    { key: 'sk-x', signal: giveUp.signal },
    {
      taskId: TASK_ID,
      seconds,
      report: isQuiet
        ? undefined
        : (report) => {
            reports.push(report);
            return Promise.resolve();
          },
    },
  );
const messages = (): string[] => reports.map(({ message }) => message);

beforeEach(() => {
  vi.useFakeTimers();
  giveUp = new AbortController();
  reports = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets pauses pass until the promise settles. */
async function passing<Value>(promise: Promise<Value>): Promise<Value> {
  const state = { isSettled: false };
  const settled = promise.finally(() => (state.isSettled = true));
  settled.catch(() => undefined);
  while (!state.isSettled) await vi.advanceTimersByTimeAsync(100);
  return settled;
}

describe('following a task', () => {
  it('tells every event on the way and returns the task when it has ended', async () => {
    const { follower, get } = scripted(
      [
        [
          status('waiting', '1'),
          status('running', '2', { agent_id: 'gpu-01' }),
          told('progress', { progress: 0.35, step_current: 7, step_total: 20 }, '3'),
          told('error', { error: 'could not read the status' }, '4'),
          told('of-tomorrow', {}, '5'),
          told('completed', { status: 'completed', output: {} }, '6'),
          told('progress', { progress: 0.1 }, '7'),
        ],
      ],
      [taskSample('completed')],
    );
    expect(await passing(follow(follower))).toEqual(taskSample('completed'));
    expect(messages()).toEqual([
      'task waiting',
      'task running on agent gpu-01',
      'task running on agent gpu-01, step 7/20',
      'task completed',
    ]);
    expect(get).toHaveBeenCalledOnce();
  });

  it.each(['completed', 'failed', 'cancelled'])('ends at once when the task is %s already', async (end) => {
    const { follower } = scripted([[told(end, { status: end })]], [taskSample(end)]);
    expect(await passing(follow(follower))).toEqual(taskSample(end));
    expect(reports).toEqual([{ progress: 1, total: 1, message: `task ${end}` }]);
  });

  it('takes a status that is the end for the end', async () => {
    const { follower } = scripted([[status('failed'), forever()]], [taskSample('failed')]);
    expect(await passing(follow(follower))).toEqual(taskSample('failed'));
  });

  it('does not take a state it does not know for the end', async () => {
    const { follower } = scripted(
      [[status('provisioning'), told('completed')]],
      [taskSample('provisioning'), taskSample('completed')],
    );
    expect(await passing(follow(follower))).toMatchObject({ task_status: 'completed' });
    expect(messages()).toEqual(['task provisioning', 'task completed']);
  });

  it('looks for the agent where the stream does not tell it, if anyone wants to know', async () => {
    const script = () => [[status('running'), told('completed')]];
    const loud = scripted(script(), [taskSample('running', { agent_id: 'a' }), taskSample('completed')]);
    await passing(follow(loud.follower));
    expect(messages()[0]).toBe('task running on agent a');

    const quiet = scripted(script(), [taskSample('completed')]);
    await passing(follow(quiet.follower, { isQuiet: true }));
    expect(quiet.get).toHaveBeenCalledOnce();
  });

  it('survives payloads that are no JSON', async () => {
    const { follower } = scripted(
      [[{ event: 'status', data: '{' }, { event: 'progress', data: 'x' }, told('completed')]],
      [taskSample('completed')],
    );
    expect(await passing(follow(follower))).toMatchObject({ task_status: 'completed' });
  });
});

describe('a stream that breaks', () => {
  it('is resumed after the last event, and the client does not notice', async () => {
    const { follower, resumedAfter } = scripted(
      [
        [status('queued', '1'), failure('unreachable')],
        [status('running', '2', { agent_id: 'a' }), failure('timeout')],
        [told('completed', {}, '3')],
      ],
      [taskSample('queued'), taskSample('running', { agent_id: 'a' }), taskSample('completed')],
    );
    await passing(follow(follower));
    expect(resumedAfter).toEqual([undefined, '1', '2']);
    expect(messages()).toEqual(['task queued', 'task running on agent a', 'task completed']);
  });

  it('is replaced by looking when there is no stream at all', async () => {
    const { follower } = scripted(
      [[failure('rejected', 404)]],
      [taskSample('queued'), taskSample('running'), taskSample('running'), taskSample('completed')],
    );
    expect(await passing(follow(follower))).toMatchObject({ task_status: 'completed' });
    expect(messages()).toEqual(['task queued', 'task running', 'task completed']);
  });

  it('ends without its end being told, and looking finds it', async () => {
    const { follower } = scripted([[status('running', '1')]], [taskSample('failed', { task_error: 'x' })]);
    expect(await passing(follow(follower, { isQuiet: true }))).toMatchObject({ task_error: 'x' });
  });

  it('is waited for while the runtime restarts', async () => {
    const { follower, get } = scripted(
      [[status('running', '1', { agent_id: 'a' }), failure('unreachable')], [failure('unreachable')]],
      [failure('unreachable'), failure('rejected', 503), failure('timeout'), taskSample('completed')],
    );
    expect(await passing(follow(follower))).toMatchObject({ task_status: 'completed' });
    expect(get).toHaveBeenCalledTimes(4);
  });

  it.each([failure('unreachable'), failure('rejected', 404), failure('rejected', 429), failure('invalid')])(
    'at once is an error: $message',
    async (error) => {
      const { follower } = scripted([[error]], [error]);
      await expect(passing(follow(follower))).rejects.toBe(error);
    },
  );

  it.each([failure('rejected', 401), failure('rejected', 404), failure('invalid', 200)])(
    'later for a reason that does not pass is an error: $message',
    async (error) => {
      const { follower } = scripted([[status('queued', '1'), failure('unreachable')]], [error]);
      await expect(passing(follow(follower))).rejects.toBe(error);
    },
  );
});

describe('when the time is up', () => {
  it('the task as it is comes back with a note, and that is no error', async () => {
    const { follower } = scripted(
      [[status('running', '1', { agent_id: 'a' }), forever()]],
      [taskSample('running')],
    );
    const began = Date.now();
    expect(await passing(follow(follower, { seconds: 20 }))).toEqual({
      ...taskSample('running'),
      note: expect.stringMatching(/^Time is up after 20 s and the task is still running\..*call .* again/),
    });
    expect(Date.now() - began).toBeLessThan(21_000);
    expect(reports.every(({ progress }) => progress < 1)).toBe(true);
    expect(reports).toHaveLength(2);
  });

  it('but the task has just ended, the end is told', async () => {
    const { follower } = scripted([[forever()]], [taskSample('completed')]);
    expect(await passing(follow(follower, { seconds: 1 }))).toEqual(taskSample('completed'));
    expect(reports.at(-1)?.progress).toBe(1);
  });
});

describe('a caller that gives up', () => {
  it.each([
    ['while the stream is open', [[status('running', '1', { agent_id: 'a' }), forever()]]],
    ['between two looks', [[failure('rejected', 404)]]],
  ])('ends it %s, without another call of the runtime', async (_when, streams) => {
    const { follower, get } = scripted(streams, [taskSample('running')]);
    const following = follow(follower);
    following.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10);
    const looks = get.mock.calls.length;
    giveUp.abort();
    await expect(passing(following)).rejects.toMatchObject({ kind: 'cancelled' });
    expect(get.mock.calls.filter(([{ signal }]) => !signal.aborted)).toHaveLength(0);
    expect(get.mock.calls.length).toBeLessThanOrEqual(looks + 2);
  });
});
