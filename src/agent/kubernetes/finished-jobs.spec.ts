import type { V1Job } from '@kubernetes/client-node';
import { expect, it } from 'vitest';

import { FinishedJobs } from './finished-jobs.js';

const jobWith = (name: string, type?: string, minute = 0): V1Job => ({
  metadata: { name, creationTimestamp: new Date(Date.UTC(2026, 0, 1, 0, minute)) },
  status: { conditions: type === undefined ? [] : [{ type, status: 'True' }] },
});
const none = (): boolean => false;

/** What is deleted of a cluster whose API server is away for the first requests. */
function finishedJobs(failures = 0): { readonly finished: FinishedJobs; readonly deleted: string[] } {
  const deleted: string[] = [];
  let left = failures;
  const deleteJob = (name: string): Promise<void> => {
    left -= 1;
    return left >= 0 ? Promise.reject(new Error('away')) : Promise.resolve(void deleted.push(name));
  };
  return { finished: new FinishedJobs({ deleteJob }), deleted };
}

it('a completed Job is removed with the second list that has it, and no other', async () => {
  const { finished, deleted } = finishedJobs();
  const jobs = [jobWith('done', 'Complete'), jobWith('broken', 'Failed'), jobWith('goes-on')];
  const isKept = (name: string): boolean => name === 'goes-on';
  await finished.clear(jobs, isKept);
  expect(deleted).toEqual([]);
  await finished.clear([...jobs, jobWith('next', 'Complete')], isKept);
  expect(deleted).toEqual(['done']);
});

it('a Job that goes on and that no run has is removed with the second list that has it', async () => {
  const { finished, deleted } = finishedJobs();
  await finished.clear([jobWith('late')], none);
  expect(deleted).toEqual([]);
  await finished.clear([jobWith('late')], none);
  expect(deleted).toEqual(['late']);
});

it('a Job that its run still needs, or that is being removed, is left', async () => {
  const { finished, deleted } = finishedJobs();
  const removed = jobWith('removed', 'Complete');
  if (removed.metadata) removed.metadata.deletionTimestamp = new Date();
  const jobs = [jobWith('needed', 'Complete'), removed];
  for (let list = 0; list < 3; list += 1) await finished.clear(jobs, (name) => name === 'needed');
  expect(deleted).toEqual([]);
});

it('of the failed Jobs the latest hundred are kept', async () => {
  const { finished, deleted } = finishedJobs();
  const jobs = Array.from({ length: 102 }, (_, index) => jobWith(`failed-${index}`, 'Failed', index));
  await finished.clear(jobs, none);
  expect(deleted).toEqual(['failed-1', 'failed-0']);
});

it('what could not be removed is removed with a later list', async () => {
  const { finished, deleted } = finishedJobs(1);
  const jobs = [jobWith('done', 'Complete')];
  for (let list = 0; list < 3; list += 1) await finished.clear(jobs, none);
  expect(deleted).toEqual(['done']);
});
