import { randomUUID } from 'node:crypto';

import type { V1Lease } from '@kubernetes/client-node';
import { Lease } from 'kubernetes-models/coordination.k8s.io/v1';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { AgentLease } from './agent-lease.js';
import { ClusterRefusal } from './api-calls.js';

/** The Lease of one agent in an API server. */
class OneLease {
  lease: V1Lease | undefined;
  reads = 0;
  failure: Error | undefined;

  readLease = (): Promise<V1Lease | undefined> => {
    this.reads += 1;
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(this.lease);
  };
  createLease = (lease: V1Lease): Promise<V1Lease | undefined> =>
    Promise.resolve(this.lease ? undefined : this.store(lease));
  replaceLease = (lease: V1Lease): Promise<V1Lease | undefined> =>
    Promise.resolve(
      lease.metadata?.resourceVersion === this.lease?.metadata?.resourceVersion
        ? this.store(lease)
        : undefined,
    );

  get holder(): string | undefined {
    return this.lease?.spec?.holderIdentity;
  }

  /** As another process would that does not wait. */
  take(holderIdentity: string): void {
    if (!this.lease) return;
    this.store(
      Object.assign({}, this.lease, { spec: Object.assign({}, this.lease.spec, { holderIdentity }) }),
    );
  }

  private store(lease: V1Lease): V1Lease {
    const sent = JSON.parse(JSON.stringify(lease)) as V1Lease;
    new Lease(sent as never).validate();
    sent.metadata = Object.assign({}, sent.metadata, { resourceVersion: randomUUID() });
    this.lease = sent;
    return sent;
  }
}

const pace = { renewMs: 1, lookMs: 1 };
const { signal } = new AbortController();
const acquire = (leases: OneLease, holder: string, options: object = {}) =>
  AgentLease.acquire(leases, { agentId: 'agent.1_x', holder, signal, pace, ...options });
const until = (condition: () => boolean) => expect.poll(condition, { interval: 1 }).toBe(true);

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());
const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000);

it('the second process of an agent waits until the first has given its Lease back', async () => {
  const leases = new OneLease();
  const first = await acquire(leases, 'pod-1');
  let isSecond = false;
  const acquiring = acquire(leases, 'pod-2').finally(() => (isSecond = true));
  const { reads } = leases;
  await until(() => leases.reads > reads + 5);
  expect([leases.holder, isSecond]).toEqual(['pod-1', false]);
  await first?.release();
  const second = await acquiring;
  expect(leases.holder).toBe('pod-2');
  expect(leases.lease?.spec?.leaseTransitions).toBe(1);
  await second?.release();
  expect(leases.holder).toBeUndefined();
});

it('a Lease that is not renewed is free when it is over by the clock of the next process', async () => {
  const leases = new OneLease();
  const first = await acquire(leases, 'pod-1', { pace: { ...pace, renewMs: 600_000 } });
  const acquiring = acquire(leases, 'pod-2');
  await until(() => leases.reads > 5);
  pass(9);
  const { reads } = leases;
  await until(() => leases.reads > reads + 2);
  expect(leases.holder).toBe('pod-1');
  pass(1);
  const second = await acquiring;
  expect(leases.holder).toBe('pod-2');
  await second?.release();
  await first?.release();
});

it('a process that is started again in its pod has the Lease at once', async () => {
  const leases = new OneLease();
  const killed = await acquire(leases, 'pod-1', { pace: { ...pace, renewMs: 600_000 } });
  const next = await acquire(leases, 'pod-1');
  expect(leases.holder).toBe('pod-1');
  await next?.release();
  await killed?.release();
});

it('a process whose Lease another one has learns of it, and does not take it back', async () => {
  const leases = new OneLease();
  const first = await acquire(leases, 'pod-1');
  leases.take('pod-2');
  await until(() => first?.lost.aborted ?? false);
  await first?.release();
  expect(leases.holder).toBe('pod-2');
});

it('a Lease that is deleted is made again', async () => {
  const leases = new OneLease();
  const only = await acquire(leases, 'pod-1');
  leases.lease = undefined;
  await until(() => leases.holder === 'pod-1');
  expect(only?.lost.aborted).toBe(false);
  await only?.release();
});

it('the wait for a Lease ends with the signal, and over an API server that is away it goes on', async () => {
  const leases = new OneLease();
  leases.failure = new Error('connect ECONNREFUSED');
  const stop = new AbortController();
  const acquiring = acquire(leases, 'pod-1', { signal: stop.signal });
  await until(() => leases.reads > 2);
  stop.abort();
  expect(await acquiring).toBeUndefined();
});

it('a role that does not allow the Lease ends the start, and says what it must allow', async () => {
  const leases = new OneLease();
  leases.failure = new ClusterRefusal('leases.coordination.k8s.io is forbidden.');
  await expect(acquire(leases, 'pod-1')).rejects.toThrow(
    'Kubernetes refuses the agent its Lease: leases.coordination.k8s.io is forbidden. The role of the agent must allow get, create and update of leases',
  );
});
