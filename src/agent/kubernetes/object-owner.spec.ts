import { expect, it } from 'vitest';

import { ClusterRefusal } from './api-calls.js';
import { ObjectOwner } from './object-owner.js';

const job = { metadata: { name: 'cy-1' } };

it('what an agent makes is owned by the ConfigMap, which is not read for each object', async () => {
  let reads = 0;
  const owner = new ObjectOwner(
    (name) => Promise.resolve({ metadata: { name, uid: `u${(reads += 1)}` } }),
    'jobs',
  );
  const owned = {
    metadata: {
      name: 'cy-1',
      ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'jobs', uid: 'u1' }],
    },
  };
  expect(await owner.of(job)).toEqual(owned);
  expect(await owner.of(job)).toEqual(owned);
  expect(reads).toBe(1);
  const other = { metadata: { ownerReferences: [] } };
  expect(await owner.of(other)).toBe(other);
});

it('without an owner, or with one that cannot be read, the object is made as it is, and with an API server that is away it is not made', async () => {
  const none = new ObjectOwner(() => Promise.reject(new Error('not called')), undefined);
  expect(await none.of(job)).toBe(job);
  expect(await new ObjectOwner(() => Promise.resolve(undefined), 'jobs').of(job)).toBe(job);
  const refused = new ObjectOwner(() => Promise.reject(new ClusterRefusal('forbidden')), 'jobs');
  expect(await refused.of(job)).toBe(job);
  const away = new ObjectOwner(() => Promise.reject(new Error('away')), 'jobs');
  await expect(away.of(job)).rejects.toThrow('away');
});
