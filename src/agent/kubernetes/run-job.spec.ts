import type { V1Job } from '@kubernetes/client-node';
import { Job } from 'kubernetes-models/batch/v1';
import { Secret } from 'kubernetes-models/v1';
import { expect, it } from 'vitest';

import { JobProfiles } from './job-profiles.js';
import { agentSelector, canBeJob, holdSecondsOf, leaseName, runJob, runOf, runSecret } from './run-job.js';

const TASK = '0199f3a2-7c1d-7e10-8a55-0123456789ab';
const run = { task_id: TASK, attempt: 2 };
const settings = {
  agentId: 'agent.1_x',
  image: 'registry.example.com/cyberun-mcp:1',
  url: 'http://agent:8090',
};

function jobFor(profile: object = {}, timeoutSeconds = 60): V1Job {
  const found = JobProfiles.of([{ name: 'test', ...profile }], []).for([]);
  if (!found) throw new Error('no profile');
  return runJob(run, settings, found, { timeoutSeconds, holdSeconds: 7.5 });
}

it('a run is a valid Job of its task and attempt, which Kubernetes does not repeat', () => {
  const job = jobFor();
  new Job(job as never).validate();
  expect(job).toMatchObject({
    metadata: { name: `cy-${TASK}-2`, annotations: { 'cyberun.agent-id': 'agent.1_x' } },
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: 0,
      podReplacementPolicy: 'Failed',
      podFailurePolicy: {
        rules: [
          { action: 'FailJob', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'FailJob', onExitCodes: { operator: 'NotIn', values: [0] } },
        ],
      },
      ttlSecondsAfterFinished: 3600,
    },
  });
  expect(job.spec).not.toHaveProperty('activeDeadlineSeconds');
  expect(job.spec?.template.spec).toMatchObject({ restartPolicy: 'Never', activeDeadlineSeconds: 1860 });
});

it('a run without a time limit has a pod without a deadline', () => {
  expect(jobFor({}, 0).spec?.template.spec).not.toHaveProperty('activeDeadlineSeconds');
});

it('the pod satisfies the restricted pod security standard, and has no token of a service account', () => {
  const pod = jobFor().spec?.template.spec;
  expect(pod).toMatchObject({
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  });
  for (const { securityContext } of pod?.containers ?? [])
    expect(securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  for (const volume of pod?.volumes ?? []) expect(Object.keys(volume)).not.toContain('hostPath');
});

it('a pod may store as much as its profile says, in its work folder and in /tmp', () => {
  const volumesOf = (job: V1Job) => job.spec?.template.spec?.volumes;
  expect(volumesOf(jobFor())).toMatchObject([
    { name: 'token' },
    { name: 'work', emptyDir: { sizeLimit: '10Gi' } },
    { name: 'tmp', emptyDir: { sizeLimit: '10Gi' } },
  ]);
  expect(volumesOf(jobFor({ diskSize: '500Mi' }))).toMatchObject([
    { name: 'token' },
    { emptyDir: { sizeLimit: '500Mi' } },
    { emptyDir: { sizeLimit: '500Mi' } },
  ]);
});

it('a profile decides where and with what the pod runs', () => {
  const profile = {
    nodeSelector: { pool: 'gpu' },
    tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
    resources: { limits: { 'nvidia.com/gpu': 1, memory: '8Gi' } },
    runtimeClassName: 'nvidia',
    priorityClassName: 'batch',
    serviceAccountName: 'runs',
    localQueue: 'gpu-queue',
  };
  const job = jobFor(profile);
  new Job(job as never).validate();
  const { resources, localQueue, ...placed } = profile;
  expect(job.spec?.template.spec).toMatchObject(placed);
  expect(job.spec?.template.spec?.containers[0]?.resources).toEqual({
    limits: { ...resources.limits, 'nvidia.com/gpu': '1' },
  });
  expect(job.metadata?.labels).toMatchObject({ 'kueue.x-k8s.io/queue-name': localQueue });
});

it('the token of a run is in a Secret that its Job owns, and nowhere else', () => {
  const job = jobFor();
  if (job.metadata) job.metadata.uid = 'uid-1';
  const secret = runSecret(run, job, 'ak-run-token');
  new Secret(secret as never).validate();
  expect(secret).toMatchObject({
    metadata: {
      name: `cy-${TASK}-2`,
      ownerReferences: [{ kind: 'Job', name: `cy-${TASK}-2`, uid: 'uid-1' }],
    },
    stringData: { token: 'ak-run-token' },
  });
  expect(JSON.stringify(job)).not.toContain('ak-');
});

it('the variables for traces are in the Secret of a run, and its pod gets them from there', () => {
  const variables = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=secret' };
  const profile = JobProfiles.of([{ name: 'test' }], []).for([]);
  if (!profile) throw new Error('no profile');
  const job = runJob(run, { ...settings, variables }, profile, { timeoutSeconds: 60, holdSeconds: 7.5 });
  new Job(job as never).validate();
  expect(job.spec?.template.spec?.containers[0]?.env).toContainEqual({
    name: 'OTEL_EXPORTER_OTLP_HEADERS',
    valueFrom: { secretKeyRef: { name: `cy-${TASK}-2`, key: 'OTEL_EXPORTER_OTLP_HEADERS' } },
  });
  expect(JSON.stringify(job)).not.toContain('=secret');
  const secret = runSecret(run, job, 'ak-run-token', variables);
  expect(secret.stringData).toEqual({ ...variables, token: 'ak-run-token' });
});

it('a Job and its pod tell the run that they are of', () => {
  const job = jobFor();
  expect(runOf(job as never)).toEqual(run);
  expect(runOf(job.spec?.template as never)).toEqual(run);
  expect(runOf({ metadata: { labels: { 'cyberun.task': TASK } } })).toBeUndefined();
  expect(runOf({})).toBeUndefined();
  expect(holdSecondsOf(job)).toBe(7.5);
  expect(holdSecondsOf({})).toBe(0);
  expect(leaseName('Agent.1_X')).toMatch(/^cyberun-agent-[a-f0-9]{32}$/);
  const terms = agentSelector('agent.1_x')
    .split(',')
    .map((term) => term.split('='));
  expect(job.metadata?.labels).toMatchObject(Object.fromEntries(terms) as object);
  expect(agentSelector('agent.1_y')).not.toBe(agentSelector('agent.1_x'));
});

it.each([
  [TASK, true],
  ['t', true],
  ['Task', false],
  ['a/b', false],
  ['a'.repeat(60), false],
])('whether a Job can have the name of task %s: %s', (task_id, expected) => {
  expect(canBeJob({ task_id, attempt: 1 })).toBe(expected);
});
