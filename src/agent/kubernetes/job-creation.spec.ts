import { ApiException, type V1Job, type V1Secret } from '@kubernetes/client-node';
import { expect, it } from 'vitest';

import { ClusterRefusal } from './api-calls.js';
import { makeJob } from './job-creation.js';

const job: V1Job = { metadata: { name: 'cy-1-1' } };
const made: V1Job = { metadata: { name: 'cy-1-1', uid: 'uid-1' } };
const secretOf = (owner: V1Job): V1Secret => ({ stringData: { owner: owner.metadata?.uid ?? '' } });
const status = (code: number, message: string): ApiException<unknown> =>
  new ApiException(code, message, JSON.stringify({ kind: 'Status', message }), {});

/** An API server whose answers come one after the other, the last again and again. */
function clusterOf(...answers: (Error | V1Job)[]) {
  const secrets: V1Secret[] = [];
  let calls = 0;
  return {
    secrets,
    get calls(): number {
      return calls;
    },
    createJob: (): Promise<V1Job> => {
      const answer = answers[Math.min(calls, answers.length - 1)];
      calls += 1;
      return answer && !(answer instanceof Error) ? Promise.resolve(answer) : Promise.reject(answer);
    },
    createSecret: (secret: V1Secret): Promise<void> => {
      secrets.push(secret);
      return Promise.resolve();
    },
  };
}
const { signal } = new AbortController();

it('a Job is made once the API server takes it, with a Secret that it owns', async () => {
  const cluster = clusterOf(status(503, 'etcd has no leader'), made);
  expect(await makeJob(cluster, { job, secretOf }, { startSeconds: 600, signal })).toEqual({ is: 'made' });
  expect(cluster.calls).toBe(2);
  expect(cluster.secrets).toEqual([{ stringData: { owner: 'uid-1' } }]);
});

it('a Job that the API server refuses is tried once', async () => {
  const cluster = clusterOf(new ClusterRefusal('jobs.batch is forbidden: exceeded quota.'));
  expect(await makeJob(cluster, { job, secretOf }, { startSeconds: 600, signal })).toEqual({
    is: 'impossible',
    error: 'Kubernetes refused the Job of the run: jobs.batch is forbidden: exceeded quota.',
  });
  expect(cluster.calls).toBe(1);
});

it.each([
  ['rejects the credentials of the agent', status(401, 'Unauthorized'), 'Unauthorized'],
  ['fails', status(500, 'etcdserver: request timed out'), 'etcdserver: request timed out'],
  ['is away', new Error('connect ECONNREFUSED 10.0.0.1:443'), 'the API server does not answer'],
])('a run ends when the API server %s for as long as its pod may take to start', async (_how, error, why) => {
  const cluster = clusterOf(error);
  expect(await makeJob(cluster, { job, secretOf }, { startSeconds: 0, signal })).toEqual({
    is: 'impossible',
    error: `Kubernetes has not made the Job of the run within 0 s: ${why}.`,
  });
});

it('nothing is tried again after the signal', async () => {
  const stop = new AbortController();
  const cluster = clusterOf(status(500, 'busy'));
  const making = makeJob(cluster, { job, secretOf }, { startSeconds: 600, signal: stop.signal });
  stop.abort();
  expect(await making).toEqual({ is: 'stopped' });
  expect(cluster.calls).toBe(1);
});
