import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { taskSample } from '../../../test/support/runtime-samples.js';
import {
  HEARTBEAT_MS,
  progressMessage,
  type ProgressReport,
  ProgressReports,
  ProgressScale,
  TaskProgress,
} from './task-progress.js';

let reports: ProgressReport[];
let target: ProgressReports;
let progress: TaskProgress;
const messages = (): string[] => reports.map(({ message }) => message);

beforeEach(() => {
  vi.useFakeTimers();
  reports = [];
  target = new ProgressReports((report) => {
    reports.push(report);
    return Promise.resolve();
  });
  progress = new TaskProgress(target);
});
afterEach(() => {
  target[Symbol.dispose]();
  vi.useRealTimers();
});

it('TaskProgress sends one report per change and per progress event; only the end reaches 1', async () => {
  await progress.changed('waiting', {}, true);
  await progress.changed('running', { agent_id: 'gpu-01' }, true);
  await progress.advanced({ progress: 0.35, step_current: 7, step_total: 20 });
  await progress.advanced({ progress: 1 });
  await progress.ended(taskSample('completed'));
  expect(messages()).toEqual([
    'task waiting',
    'task running on agent gpu-01',
    'task running on agent gpu-01, step 7/20',
    'task running on agent gpu-01',
    'task completed',
  ]);
  const numbers = reports.map((report) => report.progress);
  expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
  expect(numbers.indexOf(1)).toBe(4);
  expect(reports.every(({ total }) => total === 1)).toBe(true);
});

it('TaskProgress names the true value in the message after a retry', async () => {
  await progress.advanced({ progress: 0.9 });
  await progress.changed('queued', { message: 'run 1 was lost' }, true);
  await progress.changed('running', { agent_id: 'b' }, true);
  await progress.advanced({ progress: 0.2 });
  expect(messages().slice(1)).toEqual([
    'task queued: run 1 was lost',
    'task running on agent b',
    'task running on agent b, 20%',
  ]);
});

it.each([{}, { progress: 45 }, { progress: -1 }])(
  'TaskProgress shows no percentage for %j',
  async (event) => {
    await progress.advanced({ progress: 0.5 });
    await progress.advanced({ ...event, step_current: 3 });
    expect(messages()).toEqual(['task running', 'task running, step 3']);
  },
);

it('TaskProgress drops a status that a reopened stream repeats', async () => {
  await progress.changed('running', {}, false);
  await progress.changed('running', {}, false);
  expect(messages()).toEqual(['task running']);
});

it('TaskProgress reports a change to the same status that has its own event id', async () => {
  await progress.changed('queued', {}, true);
  await progress.changed('queued', {}, true);
  expect(messages()).toEqual(['task queued', 'task queued']);
});

it('TaskProgress reports a change that was polled, once', async () => {
  await progress.changed('queued', {}, true);
  await progress.polled(taskSample('running', { agent_id: 'a' }));
  await progress.polled(taskSample('running', { agent_id: 'a' }));
  await progress.changed('running', { agent_id: 'a' }, true);
  expect(messages()).toEqual(['task queued', 'task running on agent a']);
});

it('TaskProgress is never silent for longer than a heartbeat', async () => {
  await progress.changed('waiting', {}, true);
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS - 1);
  expect(reports).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
  expect(messages()).toEqual(['task waiting', 'task waiting', 'task waiting']);
  const [first = 0, second = 0, third = 0] = reports.map((report) => report.progress);
  expect(first < second && second < third && third < 0.001).toBe(true);
});

it('TaskProgress sends a heartbeat before the first event', async () => {
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
  expect(messages()).toEqual(['following the task']);
});

it('TaskProgress sends nothing once disposed', async () => {
  target[Symbol.dispose]();
  await vi.advanceTimersByTimeAsync(10 * HEARTBEAT_MS);
  expect(reports).toEqual([]);
});

const valuesFor = (values: (number | undefined)[]): number[] => {
  const scale = new ProgressScale();
  return values.map((value) => scale.next(value));
};
const isRising = (numbers: number[]): boolean =>
  numbers.every((number, index) => number > (numbers[index - 1] ?? 0));

it('ProgressScale returns rising values unchanged', () => {
  expect(valuesFor([0.1, 0.35, 0.6])).toEqual([0.1, 0.35, 0.6]);
});

it.each([
  ['the same value again', [0.5, 0.5, 0.5]],
  ['a value that falls, as after a retry', [0.9, 0, 0.2, 0.1]],
  ['no value at all', [undefined, undefined]],
  ['the value 1 before the end', [1, 1, 2, 1]],
  ['numbers outside 0 to 1', [-1, Number.NaN, -Infinity, Infinity]],
  ['thousands of heartbeats', [0.99, ...Array.from({ length: 20_000 }, () => 0)]],
])('ProgressScale rises on %s, and stays below 1', (_name, values) => {
  const numbers = valuesFor(values);
  expect(isRising(numbers)).toBe(true);
  expect(numbers.at(-1)).toBeLessThan(1);
});

it('ProgressScale reports whether it shows the true value', () => {
  const scale = new ProgressScale();
  scale.next(0.9);
  expect([scale.isAt(0.9), scale.isAt(0.2)]).toEqual([true, false]);
});

it.each([
  ['task waiting', progressMessage('waiting', undefined)],
  ['task running on agent gpu-01', progressMessage('running', 'gpu-01')],
  [
    'task running on agent gpu-01, step 7/20',
    progressMessage('running', 'gpu-01', { step_current: 7, step_total: 20 }),
  ],
  ['task running, step 7', progressMessage('running', undefined, { step_current: 7 })],
  [
    'task running, 35%, step 1/2, train: loss 0.1 and falling',
    progressMessage(
      'running',
      undefined,
      { step_current: 1, step_total: 2, stage: 'train', message: 'loss 0.1\nand\tfalling' },
      0.351,
    ),
  ],
])('progressMessage writes "%s"', (expected, message) => expect(message).toBe(expected));

it('progressMessage writes one line of bounded length', () => {
  expect(progressMessage('running', undefined, { message: 'x'.repeat(5000) }).length).toBeLessThan(300);
});
