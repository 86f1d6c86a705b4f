import type { V1Deployment } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { ClusterRefusal } from './api-calls.js';
import { Cluster } from './cluster.js';
import { JobProfiles } from './job-profiles.js';
import { PodServices } from './pod-services.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const deployment = (name: string): V1Deployment => ({
  metadata: { name, labels: { 'cyberun.replica': '1' }, annotations: { 'cyberun.service-slug': name } },
});

/** The services of an agent whose former process has left one. */
async function leftServices() {
  const deleted: string[] = [];
  let list = (): void => undefined;
  const cluster = Object.assign(Object.create(Cluster.prototype), {
    deployments: () => Promise.resolve([deployment('left')]),
    follow: (_selector: string, listener: { listed: (owners: V1Deployment[], pods: []) => void }) => {
      list = () => listener.listed([deployment('left')], []);
      return Promise.resolve();
    },
    deleteDeployment: (name: string) => Promise.resolve(void deleted.push(name)),
    hasDeployment: () => Promise.resolve(false),
  }) as Cluster;
  const services = new PodServices(cluster, {
    agentId: 'a1',
    key: 'ak',
    profiles: JobProfiles.of([{ name: 'a' }], []),
  });
  expect(await services.takeOver(new AbortController().signal)).toBe(true);
  return { services, deleted, list: () => list() };
}

it('what the runtime does not order within a minute of its connection is removed, and never while it is away', async () => {
  const { services, deleted, list } = await leftServices();
  vi.advanceTimersByTime(3_600_000);
  list();
  expect(deleted).toEqual([]);
  services.greeted();
  vi.advanceTimersByTime(59_000);
  list();
  expect(deleted).toEqual([]);
  vi.advanceTimersByTime(1000);
  list();
  expect(deleted).toEqual(['left']);
});

it('an agent whose role does not allow Deployments says so, and hosts no services', async () => {
  const refuse = (): Promise<never> => Promise.reject(new ClusterRefusal('deployments.apps is forbidden'));
  const cluster = Object.assign(Object.create(Cluster.prototype), { deployments: refuse }) as Cluster;
  const services = new PodServices(cluster, {
    agentId: 'a1',
    key: 'ak',
    profiles: JobProfiles.of([{ name: 'a' }], []),
  });
  expect(await services.takeOver(new AbortController().signal)).toBe(false);
});
