import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { PodWatch } from './pod-watch.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());
const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000);

const FINE = { is: 'fine' };
const madeNow = (startSeconds = 600): PodWatch => {
  const watch = new PodWatch(startSeconds);
  watch.made();
  return watch;
};

it('a pod that no node takes is given up after the time of its profile, in the words of the scheduler', () => {
  const watch = madeNow();
  const standing = { is: 'waiting', reason: 'no node can take its pod: 0/3 nodes are available' } as const;
  expect(watch.findingOf(standing, false)).toEqual(FINE);
  pass(599);
  expect(watch.findingOf(standing, false)).toEqual(FINE);
  pass(1);
  expect(watch.findingOf(standing, false)).toEqual({
    is: 'unstartable',
    error: 'The run did not start within 600 s: no node can take its pod: 0/3 nodes are available.',
  });
});

it('an image that cannot be pulled is given up earlier, counted from the first failure', () => {
  const watch = madeNow();
  const standing = {
    is: 'waiting',
    reason: 'its image cannot be pulled: denied',
    limitSeconds: 120,
  } as const;
  pass(300);
  expect(watch.findingOf(standing, false)).toEqual(FINE);
  pass(120);
  expect(watch.findingOf(standing, false)).toEqual({
    is: 'unstartable',
    error: 'The run did not start within 120 s: its image cannot be pulled: denied.',
  });
  expect(watch.findingOf({ is: 'waiting', reason: 'wrong name', limitSeconds: 0 }, false)).toEqual({
    is: 'unstartable',
    error: 'The run cannot start: wrong name.',
  });
});

it('the time that a queue holds a Job back does not count as time for its start', () => {
  const watch = madeNow();
  const suspended = { spec: { suspend: true } };
  const admitted = { spec: { suspend: false } };
  pass(6000);
  expect(watch.withoutPod('cy-1', suspended as never)).toEqual(FINE);
  pass(60);
  expect(watch.withoutPod('cy-1', admitted as never)).toEqual(FINE);
  expect(watch.findingOf({ is: 'waiting' }, false)).toEqual(FINE);
  pass(540);
  expect(watch.withoutPod('cy-1', admitted as never)).toEqual({
    is: 'unstartable',
    error:
      'The run did not start within 600 s: Kubernetes has made no pod for it; kubectl describe job cy-1 says why.',
  });
});

it('a Job that is suspended again before its pod ran has its whole time once more', () => {
  const watch = madeNow();
  pass(500);
  expect(watch.withoutPod('cy-1', { spec: { suspend: true } } as never)).toEqual(FINE);
  pass(500);
  expect(watch.findingOf({ is: 'waiting', reason: 'no node can take its pod: full' }, false)).toEqual(FINE);
});

it('a Job that is suspended once its pod ran is an interruption', () => {
  const watch = madeNow();
  watch.begun();
  expect(watch.withoutPod('cy-1', { spec: { suspend: true } } as never)).toEqual({
    is: 'interrupted',
    reason: 'its Job was suspended',
  });
});

it('a Job that was made and is gone is an interruption, also when it never had a pod', () => {
  const watch = new PodWatch(600);
  // As long as it is being made, no list has it.
  for (let list = 0; list < 3; list += 1) expect(watch.withoutPod('cy-1', undefined)).toEqual(FINE);
  watch.made();
  expect(watch.withoutPod('cy-1', undefined)).toEqual(FINE);
  expect(watch.withoutPod('cy-1', { spec: {} } as never)).toEqual(FINE);
  expect(watch.withoutPod('cy-1', undefined)).toEqual(FINE);
  expect(watch.withoutPod('cy-1', undefined)).toEqual({ is: 'interrupted', reason: 'its Job was deleted' });
});

it.each(['Failed', 'Complete'])('a Job that is %s without a pod is an interruption', (type) => {
  const job = { spec: {}, status: { conditions: [{ type, status: 'True' }] } };
  expect(madeNow().withoutPod('cy-1', job as never)).toEqual({
    is: 'interrupted',
    reason: 'its Job has ended and its pod has gone',
  });
});

it('a pod whose node does not answer is an interruption when it stays without a connection', () => {
  const watch = madeNow();
  const standing = { is: 'unreachable', reason: 'its node worker-2 does not answer' } as const;
  expect(watch.findingOf(standing, false)).toEqual(FINE);
  pass(29);
  expect(watch.findingOf(standing, true)).toEqual(FINE);
  pass(300);
  expect(watch.findingOf(standing, true)).toEqual(FINE);
  expect(watch.findingOf(standing, false)).toEqual(FINE);
  pass(29);
  expect(watch.findingOf({ is: 'running' }, false)).toEqual(FINE);
  pass(1);
  expect(watch.findingOf(standing, false)).toEqual(FINE);
  pass(30);
  expect(watch.findingOf(standing, false)).toEqual({
    is: 'interrupted',
    reason: 'its node worker-2 does not answer',
  });
});
