import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { taskSample } from '../../../../test/support/runtime-samples.js';
import { HEARTBEAT_MS, type ProgressReport, TaskProgress } from './task-progress.js';

let reports: ProgressReport[];
let progress: TaskProgress;
const messages = (): string[] => reports.map(({ message }) => message);

beforeEach(() => {
  vi.useFakeTimers();
  reports = [];
  progress = new TaskProgress((report) => {
    reports.push(report);
    return Promise.resolve();
  });
});
afterEach(() => {
  progress[Symbol.dispose]();
  vi.useRealTimers();
});

describe('the progress a client hears of', () => {
  it('is one report per change and per progress event; only the end reaches 1', async () => {
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

  it('tells the true value after a retry', async () => {
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

  it.each([{}, { progress: 45 }, { progress: -1 }])('makes up no percentage out of %j', async (event) => {
    await progress.advanced({ progress: 0.5 });
    await progress.advanced({ ...event, step_current: 3 });
    expect(messages()).toEqual(['task running', 'task running, step 3']);
  });

  it('repeats no status that a stream opened again repeats', async () => {
    await progress.changed('running', {}, false);
    await progress.changed('running', {}, false);
    expect(messages()).toEqual(['task running']);
  });

  it('keeps a change to the same status that has a number of its own', async () => {
    await progress.changed('queued', {}, true);
    await progress.changed('queued', {}, true);
    expect(messages()).toEqual(['task queued', 'task queued']);
  });

  it('learns of a change by looking, and does not tell it twice', async () => {
    await progress.changed('queued', {}, true);
    await progress.looked(taskSample('running', { agent_id: 'a' }));
    await progress.looked(taskSample('running', { agent_id: 'a' }));
    await progress.changed('running', { agent_id: 'a' }, true);
    expect(messages()).toEqual(['task queued', 'task running on agent a']);
  });

  it('never pauses for longer than a heartbeat', async () => {
    await progress.changed('waiting', {}, true);
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS - 1);
    expect(reports).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
    expect(messages()).toEqual(['task waiting', 'task waiting', 'task waiting']);
    const [first = 0, second = 0, third = 0] = reports.map((report) => report.progress);
    expect(first < second && second < third && third < 0.001).toBe(true);
  });

  it('has a heartbeat before anything is known', async () => {
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
    expect(messages()).toEqual(['following the task']);
  });

  it('ends with it', async () => {
    progress[Symbol.dispose]();
    await vi.advanceTimersByTimeAsync(10 * HEARTBEAT_MS);
    expect(reports).toEqual([]);
  });
});
