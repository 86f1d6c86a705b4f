import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { GroupProgress } from './group-progress.js';
import { HEARTBEAT_MS, type ProgressReport } from './task-progress.js';

let reports: ProgressReport[];
let group: GroupProgress;

beforeEach(() => {
  vi.useFakeTimers();
  reports = [];
  group = new GroupProgress((report) => {
    reports.push(report);
    return Promise.resolve();
  }, 2);
});
afterEach(() => {
  group[Symbol.dispose]();
  vi.useRealTimers();
});

it('GroupProgress sends the mean of its tasks, rising, and 1 only when all have ended', async () => {
  const [one, other] = [group.of('a'), group.of('b')];
  await one.advance({ message: 'task running', value: 0.5 });
  await other.advance({ message: 'task running', value: 0.9, exactMessage: 'task running, 90%' });
  await other.advance({ message: 'task running', value: 0.1 });
  await one.finish('task completed');
  await other.finish('task failed');
  expect(reports.map(({ message }) => message)).toEqual([
    '0 of 2 ended; task a running',
    '0 of 2 ended; task b running, 90%',
    '0 of 2 ended; task b running',
    '1 of 2 ended; task a completed',
    '2 of 2 ended; task b failed',
  ]);
  const numbers = reports.map(({ progress }) => progress);
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
  expect(numbers[0]).toBe(0.25);
  expect(numbers[1]).toBeCloseTo(0.7);
  expect(numbers[3]).toBeCloseTo(0.95);
  expect(numbers[4]).toBe(1);
});

it('GroupProgress sends one heartbeat for all of its tasks', async () => {
  const targets = [group.of('a'), group.of('b')];
  for (const target of targets) await target.advance({ message: 'task waiting' });
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
  expect(reports).toHaveLength(3);
});
