import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { StartWatch } from './start-watch.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());
const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000);

it('a pod that no node takes is given up after the time of its profile, in the words of the scheduler', () => {
  const start = new StartWatch(600);
  const standing = { is: 'waiting', reason: 'no node can take its pod: 0/3 nodes are available' } as const;
  expect(start.problem(standing)).toBeUndefined();
  pass(599);
  expect(start.problem(standing)).toBeUndefined();
  pass(1);
  expect(start.problem(standing)).toBe(
    'The run did not start within 600 s: no node can take its pod: 0/3 nodes are available.',
  );
});

it('an image that cannot be pulled is given up earlier, counted from the first failure', () => {
  const start = new StartWatch(600);
  const standing = {
    is: 'waiting',
    reason: 'its image cannot be pulled: denied',
    limitSeconds: 120,
  } as const;
  pass(300);
  expect(start.problem(standing)).toBeUndefined();
  pass(120);
  expect(start.problem(standing)).toBe(
    'The run did not start within 120 s: its image cannot be pulled: denied.',
  );
  expect(start.problem({ is: 'waiting', reason: 'wrong name', limitSeconds: 0 })).toBe(
    'The run cannot start: wrong name.',
  );
});

it('a Job that a queue holds back waits for as long as it takes', () => {
  const start = new StartWatch(600);
  const suspended = { spec: { suspend: true } } as never;
  pass(6000);
  expect(start.withoutPod('cy-1', suspended)).toEqual({});
  expect(start.withoutPod('cy-1', { spec: {} } as never)).toEqual({
    problem:
      'The run did not start within 600 s: Kubernetes has made no pod for it; kubectl describe job cy-1 says why.',
  });
});

it('a Job that is suspended or gone once its pod ran is an interruption', () => {
  const start = new StartWatch(600);
  start.begun();
  expect(start.withoutPod('cy-1', { spec: { suspend: true } } as never)).toEqual({
    interruption: 'its Job was suspended',
  });
  expect(start.withoutPod('cy-1', undefined)).toEqual({});
  expect(start.withoutPod('cy-1', undefined)).toEqual({ interruption: 'its Job was deleted' });
});
