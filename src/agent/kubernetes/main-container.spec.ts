import { expect, it } from 'vitest';

import type { RunStep } from '../../contract/index.js';
import { type JobProfile, JobProfiles } from './job-profiles.js';
import { mainContainerOf } from './main-container.js';

function profileOf(resources: object): JobProfile {
  const profile = JobProfiles.of([{ name: 'gpu', resources }], []).for([]);
  if (!profile) throw new Error('no profile');
  return profile;
}
const GPU = profileOf({
  requests: { cpu: '1', memory: '1Gi' },
  limits: { cpu: '4', memory: '8Gi', 'amd.com/gpu': '2' },
});
const PLAIN = profileOf({ limits: { memory: '2Gi' } });

const containerWith = (container: object = {}): RunStep => ({
  kind: 'container',
  name: 'train',
  container: { image: 'trainer:1', pull_policy: 'ifNotPresent', volumes: [], resources: {}, ...container },
  arguments: [],
  environment: {},
});
const asking = (resources: object, profile: JobProfile) =>
  mainContainerOf({ steps: [containerWith({ resources })] }, profile);
const shell: RunStep = { kind: 'shell', name: 'work', command: 'true', arguments: [], environment: {} };

it('a run without a container has no main container', () => {
  expect(mainContainerOf({ steps: [shell] }, PLAIN)).toBeUndefined();
});

it('a container has the resources of its profile for what its step leaves out', () => {
  expect(asking({}, GPU)).toMatchObject({
    step: { name: 'train' },
    resources: {
      requests: { cpu: '1', memory: '1Gi' },
      limits: { cpu: '4', memory: '8Gi', 'amd.com/gpu': '2' },
    },
  });
  expect(asking({ cpu: 1.5, memory_bytes: 4 * 2 ** 30, gpus: 1 }, GPU)).toMatchObject({
    resources: {
      requests: { cpu: '1500m', memory: '4294967296' },
      limits: { cpu: '1500m', memory: '4294967296', 'amd.com/gpu': '1' },
    },
  });
});

it('a container without GPUs takes none of its profile, and one that asks for all has them', () => {
  expect(asking({ gpus: 0 }, GPU)).toMatchObject({ resources: { limits: { cpu: '4', memory: '8Gi' } } });
  expect(asking({ gpus: 0 }, GPU)).not.toHaveProperty(['resources', 'limits', 'amd.com/gpu']);
  expect(asking({ gpus: -1 }, GPU)).toMatchObject({ resources: { limits: { 'amd.com/gpu': '2' } } });
});

it.each([
  [{ memory_bytes: 16 * 2 ** 30 }, GPU, '16384Mi of memory, and profile gpu allows 8Gi'],
  [{ memory_bytes: 8 * 2 ** 30 + 1 }, GPU, '8589934593 bytes of memory, and profile gpu allows 8Gi'],
  [{ cpu: 4.5 }, GPU, '4.5 processors, and profile gpu allows 4'],
  [{ gpus: 3 }, GPU, '3 GPUs, and profile gpu has 2'],
  [{ gpus: 1 }, PLAIN, '1 GPUs, and profile gpu has 0'],
  [{ gpus: -1 }, PLAIN, 'all GPUs, and profile gpu has none'],
])('a container that asks for %j beyond its profile is refused', (resources, profile, excess) => {
  expect(asking(resources, profile)).toEqual({
    refusal: `Step train asks for ${excess}. Ask for less, or have the operator raise the limit of the profile.`,
  });
});

it('processors that a profile does not limit may be asked for', () => {
  expect(asking({ cpu: 64 }, PLAIN)).toMatchObject({
    resources: { limits: { cpu: '64000m', memory: '2Gi' } },
  });
});

it('a container beside other steps, or with a folder of its machine, is refused', () => {
  expect(mainContainerOf({ steps: [shell, containerWith()] }, PLAIN)).toEqual({
    refusal:
      'Step train is a container, which on Kubernetes is the only step of its workflow. Put it into a workflow of its own, or give the workflow a label of an agent that runs containers with Docker or Podman.',
  });
  const volumes = [{ host_path: '/data', container_path: '/data', read_only: true }];
  expect(mainContainerOf({ steps: [containerWith({ volumes })] }, PLAIN)).toEqual({
    refusal:
      'Step train mounts /data of its machine, which a pod does not get. Pass files as parameters, or give the workflow a label of an agent that runs containers with Docker or Podman.',
  });
});
