import { afterEach, expect, it } from 'vitest';

import { JobProfiles } from './job-profiles.js';
import { type JobAgent, JobRun, type NewRun } from './job-run.js';
import { jobName } from './run-job.js';
import { RunTokens } from './run-token.js';

const name = { task_id: '0199f3a2-7c1d-7e10-8a55-0123456789ab', attempt: 1 };
const stop = new AbortController();
let deleted: string[] = [];
afterEach(() => (deleted = []));

/** An agent whose cluster makes and deletes at once. */
const agent = {
  cluster: {
    createJob: (job: object) => Promise.resolve(job),
    createSecret: () => Promise.resolve(),
    deleteJob: (job: string) => Promise.resolve(void deleted.push(job)),
    hasJob: () => Promise.resolve(false),
  },
  settings: { agentId: 'a1', image: 'cyberun-mcp:1', url: 'http://agent:8090' },
  tokens: new RunTokens('ak-key'),
  bundles: {},
  signal: stop.signal,
} as unknown as JobAgent;

function newRun(): NewRun {
  const profile = JobProfiles.of([{ name: 'default' }], []).for([]);
  if (!profile) throw new Error('no profile');
  const order = { ...name, steps: [], parameters: {}, files: [], timeout_seconds: 0 };
  return { order, profile, container: undefined };
}

it('a run of a former process whose pod fails is removed when no runtime attaches in time', async () => {
  const run = new JobRun(name, agent, 0.01);
  run.observe({ is: 'failed', error: 'The run used more memory than there was.' });
  expect(run.isWanted).toBe(true);
  await run.over;
  expect(run.isWanted).toBe(false);
  expect(deleted).toEqual([jobName(name)]);
});

it('a run whose Job is gone before it had a pod is interrupted', async () => {
  const run = new JobRun(name, agent, 600, newRun());
  // Until Kubernetes has answered, no list has the Job.
  run.observeJob(undefined);
  run.observeJob(undefined);
  expect(run.isWanted).toBe(true);
  await expect
    .poll(() => {
      run.observeJob(undefined);
      return run.isWanted;
    })
    .toBe(false);
  await run.over;
});

it('a pod that was to end long ago interrupts its run, and its Job is removed', async () => {
  const run = new JobRun(name, agent, 600, newRun());
  run.observe({ is: 'interrupted', reason: 'the pod was deleted, and its node does not end it' });
  await run.over;
  expect(deleted).toEqual([jobName(name)]);
});
