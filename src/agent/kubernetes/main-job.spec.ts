import type { V1Container, V1Job } from '@kubernetes/client-node';
import { Job } from 'kubernetes-models/batch/v1';
import { expect, it } from 'vitest';

import type { RunStep } from '../../contract/index.js';
import { JobProfiles } from './job-profiles.js';
import { mainContainerOf } from './main-container.js';
import { withMain } from './main-job.js';
import { mainProgramOf } from './main-program.js';
import { jobName, runJob } from './run-job.js';

const run = { task_id: '0199f3a2-7c1d-7e10-8a55-0123456789ab', attempt: 1 };
const settings = { agentId: 'a1', image: 'cyberun-mcp:1', url: 'http://agent:8090' };
const step: RunStep = {
  kind: 'container',
  name: 'train',
  container: {
    image: 'registry.example.com/trainer@sha256:abc',
    pull_policy: 'always',
    volumes: [],
    resources: { memory_bytes: 2 ** 30 },
  },
  command: 'train "$1"',
  arguments: ['one'],
  environment: {},
};

function job(more: object = {}): V1Job {
  const profile = JobProfiles.of([{ name: 'default', diskSize: '20Gi', ...more }], []).for([]);
  if (!profile) throw new Error('no profile');
  const main = mainContainerOf({ steps: [step] }, profile);
  if (!main || 'refusal' in main) throw new Error('no container');
  const program = mainProgramOf(
    { command: 'train "$1"', words: ['one'], environment: { LR: '0.1' } },
    jobName(run),
  );
  return withMain(runJob(run, settings, profile, { timeoutSeconds: 60, holdSeconds: 15 }), main, program);
}
const podOf = ({ spec }: V1Job) => spec?.template.spec;
const named = (name: string): V1Container => {
  const pod = podOf(job());
  const found = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].find((one) => one.name === name);
  if (!found) throw new Error(`no container ${name}`);
  return found;
};
const mounts = (name: string) => (named(name).volumeMounts ?? []).map(({ mountPath }) => mountPath);

it('a run whose step is a container is a valid Job: inputs first, then the image beside the agent', () => {
  new Job(job() as never).validate();
  const pod = podOf(job());
  expect(pod?.initContainers?.map(({ name }) => name)).toEqual(['fetch']);
  expect(pod?.containers.map(({ name }) => name)).toEqual(['agent', 'main']);
  // Kubernetes ends such a sidecar, and the upload with it, when the grace period is over.
  for (const container of pod?.initContainers ?? []) expect(container).not.toHaveProperty('restartPolicy');
  expect(job().spec?.podFailurePolicy?.rules[1]).toMatchObject({ onExitCodes: { containerName: 'agent' } });
});

it('the image of a step runs as it is, in the folder of its run, with its own resources', () => {
  expect(named('main')).toMatchObject({
    image: 'registry.example.com/trainer@sha256:abc',
    imagePullPolicy: 'Always',
    workingDir: '/cyberun/run',
    resources: { limits: { memory: '1073741824' } },
  });
});

it('the program of a step sees neither the token of the run nor the records of the agent', () => {
  expect(mounts('main')).toEqual(['/cyberun/run', '/cyberun/files', '/tmp']);
  expect(mounts('agent')).toEqual(['/run/cyberun', '/work', '/tmp', '/cyberun']);
  expect(mounts('fetch')).toEqual(mounts('agent'));
  const token = podOf(job())?.volumes?.find(({ name }) => name === 'token');
  expect(token?.secret?.items).toEqual([{ key: 'token', path: 'token' }]);
});

it('a pod with a container satisfies the restricted pod security standard', () => {
  expect(podOf(job())).toMatchObject({
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, fsGroup: 1000 },
  });
  for (const name of ['fetch', 'agent', 'main'])
    expect(named(name).securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
});

it('what a step may store is limited by its profile', () => {
  const sizes = podOf(job())?.volumes?.flatMap(({ emptyDir }) => emptyDir?.sizeLimit ?? []);
  expect(sizes).toEqual(['20Gi', '20Gi', '20Gi', '20Gi']);
});

it('nothing that the workflow says is in the Job, except the image', () => {
  const text = JSON.stringify(job());
  for (const said of ['$1', '0.1', '"one"']) expect(text).not.toContain(said);
});

it('the containers of a step have one user: 1000, that of the profile, or the one that the cluster assigns', () => {
  const restricted = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const user = (id: number) => ({ ...restricted, runAsUser: id, runAsGroup: id, fsGroup: id });
  expect(podOf(job())?.securityContext).toEqual(user(1000));
  expect(podOf(job({ runAsUser: 4000 }))?.securityContext).toEqual(user(4000));
  expect(podOf(job({ runAsUser: 'cluster' }))?.securityContext).toEqual(restricted);
  for (const container of podOf(job())?.containers ?? [])
    expect(container.securityContext).not.toHaveProperty('runAsUser');
});
