import { expect, it, onTestFinished } from 'vitest';

import { removeJob } from './job-removal.js';

/** A cluster with one Job, which goes when the test lets it. */
class OneJob {
  readonly asked: string[] = [];
  isThere = true;
  failures = 0;

  deleteJob = (name: string): Promise<void> => {
    this.asked.push(`delete ${name}`);
    if (this.failures === 0) return Promise.resolve();
    this.failures -= 1;
    return Promise.reject(new Error('connect ECONNREFUSED'));
  };
  hasJob = (): Promise<boolean> => {
    this.asked.push('look');
    return Promise.resolve(this.isThere);
  };
}

function stoppable(): AbortSignal {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  return stop.signal;
}

it('a removal ends when the Job has gone, also when the API server was away at first', async () => {
  const cluster = new OneJob();
  cluster.isThere = false;
  cluster.failures = 1;
  await removeJob(cluster, 'cy-1-1', { signal: stoppable() });
  expect(cluster.asked).toEqual(['delete cy-1-1', 'delete cy-1-1', 'look']);
});

it('a removal does not wait without limit for a pod whose node is lost, and goes on', async () => {
  const cluster = new OneJob();
  await removeJob(cluster, 'cy-1-1', { signal: stoppable(), limitMs: 1 });
  expect(cluster.isThere).toBe(true);
  const looks = cluster.asked.length;
  await expect.poll(() => cluster.asked.length, { timeout: 20_000 }).toBeGreaterThan(looks);
  expect(cluster.asked.filter((one) => one !== 'look')).toEqual(['delete cy-1-1']);
});

it('a removal ends with its agent', async () => {
  const cluster = new OneJob();
  const stop = new AbortController();
  const removal = removeJob(cluster, 'cy-1-1', { signal: stop.signal });
  stop.abort();
  await expect(removal).resolves.toBeUndefined();
});
