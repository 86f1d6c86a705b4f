import type { V1Deployment, V1Pod } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { ServicePod } from './service-pod.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const pod = (status: object, metadata: object = {}): V1Pod => ({
  metadata: { name: 'p1', ...metadata },
  spec: { containers: [] },
  status,
});
const container = (state: object, more: object = {}): object => ({
  phase: 'Running',
  containerStatuses: [{ name: 'service', state, ...more }],
});
const ended = (exitCode: number, containerID: string, more: object = {}): object => ({
  terminated: { exitCode, containerID, ...more },
});
const RUNNING = container({ running: {} });

/** What a pod says, and what is made of it. */
function observed(reported?: string) {
  const reasons: (string | undefined)[] = [];
  const servicePod = new ServicePod({ startSeconds: 900, waits: (reason) => reasons.push(reason), reported });
  let failure: Error | undefined;
  let hasBegun = false;
  servicePod.failure.catch((error: Error) => (failure = error));
  void servicePod.begun.then(() => (hasBegun = true));
  const settled = async () => {
    await Promise.resolve();
    return { hasBegun, failure: failure?.message, isStartedAgain: servicePod.isStartedAgain, reasons };
  };
  return { servicePod, settled };
}

it('an end that a former process may have reported is not reported again, unless the container is still down', async () => {
  const lastState = ended(3, 'a');
  const running = observed('any');
  running.servicePod.observe([pod(container({ running: {} }, { lastState }))]);
  expect(await running.settled()).toMatchObject({ hasBegun: true, failure: undefined });
  const down = observed('any');
  down.servicePod.observe([pod(container({ waiting: { reason: 'CrashLoopBackOff' } }, { lastState }))]);
  expect(await down.settled()).toMatchObject({ failure: 'exit code 3', isStartedAgain: true });
});

it('a container that ends between two looks has failed, and its log is that of the former one', async () => {
  const { servicePod, settled } = observed();
  servicePod.observe([pod(RUNNING)]);
  servicePod.observe([pod(container({ running: {} }, { lastState: ended(1, 'a') }))]);
  expect(await settled()).toMatchObject({ hasBegun: true, failure: 'exit code 1' });
  expect(servicePod.logPlace).toEqual({ pod: 'p1', isFormer: true });
});

it('a container that has no program to start says so', async () => {
  const { servicePod, settled } = observed();
  const message = 'exec: "serve": executable file not found in $PATH';
  servicePod.observe([pod(container(ended(128, 'a', { reason: 'StartError', message })))]);
  expect((await settled()).failure).toBe(`its container cannot start: ${message}`);
});

it('a pod that the cluster takes away is followed by the next one, with the reason', async () => {
  const message = 'Preempted by a pod on node worker2';
  const gone = pod(
    { ...RUNNING, conditions: [{ type: 'DisruptionTarget', status: 'True', message }] },
    { deletionTimestamp: new Date() },
  );
  const { servicePod, settled } = observed();
  servicePod.observe([pod(RUNNING)]);
  servicePod.observe([gone, pod({ phase: 'Pending' }, { name: 'p2' })]);
  expect(await settled()).toMatchObject({ failure: message, isStartedAgain: true });
});

it('an image that cannot be pulled has two minutes, and a pod that is not scheduled those of its profile', async () => {
  const image = observed();
  const waiting = { reason: 'ErrImagePull', message: 'not found.' };
  const pending = pod({ ...container({ waiting }), phase: 'Pending' });
  image.servicePod.observe([pending]);
  vi.advanceTimersByTime(119_000);
  // A Deployment says nothing about a pod that it has.
  image.servicePod.observeDeployment({});
  image.servicePod.observe([pending]);
  expect(await image.settled()).toMatchObject({
    failure: undefined,
    reasons: ['its image cannot be pulled: not found'],
  });
  vi.advanceTimersByTime(1000);
  image.servicePod.observe([pending]);
  expect(await image.settled()).toMatchObject({
    failure: 'it did not start within 120 s: its image cannot be pulled: not found',
    isStartedAgain: false,
  });
  const quota = observed();
  const conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: compute' }];
  const deployment = { status: { conditions } } as V1Deployment;
  quota.servicePod.observeDeployment(deployment);
  vi.advanceTimersByTime(900_000);
  quota.servicePod.observeDeployment(deployment);
  expect((await quota.settled()).failure).toBe(
    'it did not start within 900 s: Kubernetes makes no pod for it: exceeded quota: compute',
  );
});
