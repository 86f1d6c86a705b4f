import type { V1Pod } from '@kubernetes/client-node';
import { expect, it } from 'vitest';

import { podStanding } from './pod-standing.js';

const podWith = (status: object, metadata: object = {}): V1Pod => ({
  metadata,
  spec: { containers: [{ name: 'agent', resources: { limits: { memory: '2Gi' } } }] },
  status,
});
const ended = (terminated: object, more: object = {}): V1Pod =>
  podWith({ phase: 'Failed', containerStatuses: [{ name: 'agent', state: { terminated } }], ...more });
const waitingFor = (waiting: object): V1Pod =>
  podWith({ phase: 'Pending', containerStatuses: [{ name: 'agent', state: { waiting } }] });
const disruption = (reason: string, message = ''): object => ({
  type: 'DisruptionTarget',
  status: 'True',
  reason,
  message,
});
const disrupted = (reason: string, message = ''): object => ({ conditions: [disruption(reason, message)] });

it.each([
  ['made', podWith({ phase: 'Pending' }), { is: 'waiting' }],
  ['creating its container', waitingFor({ reason: 'ContainerCreating' }), { is: 'waiting' }],
  [
    'unschedulable',
    podWith({
      phase: 'Pending',
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'Unschedulable',
          message: '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.',
        },
      ],
    }),
    {
      is: 'waiting',
      reason: 'no node can take its pod: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu',
    },
  ],
  [
    'without its image',
    waitingFor({ reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"' }),
    { is: 'waiting', reason: 'its image cannot be pulled: Back-off pulling image "x"', limitSeconds: 120 },
  ],
  [
    'of an image with a wrong name',
    waitingFor({ reason: 'InvalidImageName', message: 'couldn\'t parse image name "X"' }),
    {
      is: 'waiting',
      reason: 'its container cannot be made: couldn\'t parse image name "X"',
      limitSeconds: 0,
    },
  ],
  ['running', podWith({ phase: 'Running' }), { is: 'running' }],
])('a pod that is %s is known as such', (_how, pod, expected) => {
  expect(podStanding(pod)).toEqual(expected);
});

it.each(['CreateContainerError', 'CreateContainerConfigError'])('a pod in %s may still start', (reason) => {
  const pod = waitingFor({ reason, message: 'context deadline exceeded' });
  expect(podStanding(pod)).toEqual({
    is: 'waiting',
    reason: 'its container cannot be made: context deadline exceeded',
    limitSeconds: 120,
  });
});

it.each([
  [
    'ran out of memory',
    ended({ exitCode: 137, reason: 'OOMKilled' }),
    'The run used more memory than its pod may have (2Gi) and was ended (OOMKilled). Use less, or have the operator raise the memory of its profile.',
  ],
  [
    'was evicted',
    ended(
      { exitCode: 137, reason: 'Error' },
      {
        reason: 'Evicted',
        message: 'The node was low on resource: ephemeral-storage. ',
        ...disrupted('TerminationByKubelet'),
      },
    ),
    'Kubernetes evicted the pod of the run: The node was low on resource: ephemeral-storage.',
  ],
  [
    'reached its deadline',
    ended({ exitCode: 143, reason: 'Error' }, { reason: 'DeadlineExceeded' }),
    'The run was ended by the deadline of its pod, since it did not end at its own limit.',
  ],
  [
    'could not begin',
    ended({ exitCode: 1, reason: 'Error', message: 'cyberun-mcp: its agent could not be reached\n' }),
    'The pod of the run could not begin: its agent could not be reached.',
  ],
  [
    'has no such program',
    ended({ exitCode: 128, reason: 'StartError', message: 'exec: "tini": not found' }),
    'The container of the run could not start: exec: "tini": not found.',
  ],
  [
    'ended for an unknown reason',
    ended({ exitCode: 134, reason: 'Error' }),
    'The agent in the pod of the run ended with exit code 134 before it had reported the run; see the log of the pod.',
  ],
])('a run fails whose pod %s', (_how, pod, error) => {
  expect(podStanding(pod)).toEqual({ is: 'failed', error });
});

it.each([
  [
    'preempted',
    ended(
      { exitCode: 143 },
      disrupted('PreemptionByScheduler', 'preempting to accommodate a higher priority pod'),
    ),
    'preempting to accommodate a higher priority pod',
  ],
  [
    'drained from its node',
    ended({ exitCode: 143 }, disrupted('EvictionByEvictionAPI')),
    'EvictionByEvictionAPI',
  ],
  ['lost with its node', ended({ exitCode: 137, reason: 'ContainerStatusUnknown' }), 'the pod has gone'],
  ['refused by its node', podWith({ phase: 'Failed', reason: 'OutOfcpu' }), 'OutOfcpu'],
  ['left by its agent', ended({ exitCode: 75, reason: 'Error' }), 'the pod has gone'],
])('a run is interrupted whose pod was %s', (_how, pod, reason) => {
  expect(podStanding(pod)).toEqual({ is: 'interrupted', reason });
});

const running = (conditions: object[], metadata: object = {}): V1Pod => ({
  metadata,
  spec: { nodeName: 'worker-2', containers: [{ name: 'agent' }] },
  status: {
    phase: 'Running',
    conditions: conditions as never,
    containerStatuses: [{ name: 'agent', state: { running: {} } }] as never,
  },
});
const deletedFor = (seconds: number): object => ({
  deletionTimestamp: new Date(Date.now() - seconds * 1000),
});

it.each([
  ['has just been deleted', running([], deletedFor(-30))],
  ['ends slowly', running([{ type: 'Ready', status: 'True' }], deletedFor(50))],
  ['is to be preempted', running([disruption('PreemptionByScheduler')])],
  ['is ready', running([{ type: 'Ready', status: 'True' }])],
])('a pod runs that %s', (_how, pod) => {
  expect(podStanding(pod)).toEqual({ is: 'running' });
});

it.each(['Unknown', 'False'])('a pod that runs and whose readiness is %s is without its node', (status) => {
  expect(podStanding(running([{ type: 'Ready', status }]))).toEqual({
    is: 'unreachable',
    reason: 'its node worker-2 does not answer',
  });
});

it('a run is interrupted whose pod was to end long ago, though its node has not said so', () => {
  expect(podStanding(running([], deletedFor(70)))).toEqual({
    is: 'interrupted',
    reason: 'the pod was deleted, and its node does not end it',
  });
  const taint = disruption('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint');
  expect(podStanding(running([{ type: 'Ready', status: 'False' }, taint], deletedFor(70)))).toEqual({
    is: 'interrupted',
    reason: 'Taint manager: deleting due to NoExecute taint, and its node does not end it',
  });
  expect(podStanding(podWith({ phase: 'Pending' }, deletedFor(70)))).toMatchObject({ is: 'interrupted' });
});

it('a run is interrupted whose pod was deleted, while it ran or before', () => {
  const reason = 'the pod was deleted';
  const metadata = { deletionTimestamp: new Date() };
  expect(podStanding(podWith({ phase: 'Running' }, metadata), true)).toEqual({ is: 'interrupted', reason });
  expect(podStanding(podWith({ phase: 'Pending' }), true)).toMatchObject({ is: 'interrupted' });
});

/** A pod whose agent has ended beside the container of a step. */
const withoutAgent = (terminated: object, main: object): V1Pod =>
  podWith({
    phase: 'Running',
    containerStatuses: [
      { name: 'agent', state: { terminated } },
      { name: 'main', state: main },
    ],
  });
const secondsAgo = (seconds: number): Date => new Date(Date.now() - seconds * 1000);

it.each([
  [{ exitCode: 75, reason: 'Error' }, { running: {} }],
  [{ exitCode: 75, reason: 'Error' }, { waiting: { reason: 'ImagePullBackOff' } }],
  [{ exitCode: 0, reason: 'Completed' }, { running: {} }],
  [{ exitCode: 137, reason: 'Error', finishedAt: secondsAgo(100) }, { running: {} }],
  [{ exitCode: 143, reason: 'Error', finishedAt: secondsAgo(100) }, { running: {} }],
])('a run is interrupted whose agent has ended with %j while the step is %j', (terminated, main) => {
  expect(podStanding(withoutAgent(terminated, main))).toEqual({
    is: 'interrupted',
    reason: 'the agent in its pod has ended before the step',
  });
});

it.each([137, 143])(
  'a pod whose agent was ended with %i counts as running while its step may be ended, too',
  (exitCode) => {
    const pod = withoutAgent({ exitCode, reason: 'Error', finishedAt: secondsAgo(40) }, { running: {} });
    expect(podStanding(pod)).toEqual({ is: 'running' });
  },
);

it('a run fails whose agent ran out of memory or failed while the step goes on', () => {
  const outOfMemory = withoutAgent({ exitCode: 137, reason: 'OOMKilled' }, { running: {} });
  const error = expect.stringContaining('(OOMKilled)');
  expect(podStanding(outOfMemory)).toMatchObject({ is: 'failed', error });
  const broken = withoutAgent({ exitCode: 1, reason: 'Error' }, { running: {} });
  expect(podStanding(broken)).toMatchObject({ is: 'failed', error: expect.stringContaining('exit code 1') });
});

it('a pod whose image of the step cannot be pulled waits for it, while its agent is ready', () => {
  const waiting = { reason: 'ErrImagePull', message: 'pull access denied' };
  const pod = podWith({
    phase: 'Pending',
    initContainerStatuses: [{ name: 'fetch', state: { terminated: { exitCode: 0 } } }],
    containerStatuses: [
      { name: 'agent', state: { running: {} } },
      { name: 'main', state: { waiting } },
    ],
  });
  expect(podStanding(pod)).toEqual({
    is: 'waiting',
    reason: 'its image cannot be pulled: pull access denied',
    limitSeconds: 120,
  });
});

it.each([
  [
    { exitCode: 1, reason: 'Error', message: 'cyberun-mcp: the disk is full\n' },
    { is: 'failed', error: 'The pod of the run could not begin: the disk is full.' },
  ],
  [
    { exitCode: 143, reason: 'Error' },
    { is: 'interrupted', reason: 'the pod has gone' },
  ],
])('a pod whose inputs end with %j has ended so', (terminated, standing) => {
  const initContainerStatuses = [{ name: 'fetch', state: { terminated } }];
  const containerStatuses = [{ name: 'agent', state: { waiting: { reason: 'PodInitializing' } } }];
  expect(podStanding(podWith({ phase: 'Failed', initContainerStatuses, containerStatuses }))).toEqual(
    standing,
  );
});
