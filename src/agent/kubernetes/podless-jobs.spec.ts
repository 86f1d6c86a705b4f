import type { V1Job } from '@kubernetes/client-node';
import { expect, it } from 'vitest';

import { ClusterRefusal } from './api-calls.js';
import { PodlessJobs } from './podless-jobs.js';

const job = (more: object = {}): V1Job => ({ metadata: { name: 'cy-1' }, ...more });
const ENDED = job({ status: { conditions: [{ type: 'Failed', status: 'True' }] } });

it('why a Job has no pod is asked for once a Job waits for one, and never again where the role does not allow it', async () => {
  let asked = 0;
  const answer = new Map([
    ['cy-1', 'Error creating: pods "cy-1-abc" is forbidden: exceeded quota: compute.'],
  ]);
  const jobs = new PodlessJobs({ failedCreations: () => Promise.resolve(((asked += 1), answer)) });
  expect(await jobs.failures([undefined, ENDED, job({ spec: { suspend: true } })])).toEqual(new Map());
  expect(asked).toBe(0);
  expect((await jobs.failures([job()])).get('cy-1')).toBe(
    'pods "cy-1-abc" is forbidden: exceeded quota: compute',
  );
  const refuse = (): Promise<never> =>
    Promise.reject(((asked += 1), new ClusterRefusal('events is forbidden')));
  const refused = new PodlessJobs({ failedCreations: refuse });
  expect(await refused.failures([job()])).toEqual(new Map());
  expect(await refused.failures([job()])).toEqual(new Map());
  expect(asked).toBe(2);
});
