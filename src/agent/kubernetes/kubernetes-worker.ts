import { hostname } from 'node:os';

import { type AgentHello, HOSTS_CONTAINERS } from '../../contract/index.js';
import { ownFolder, Worker } from '../worker.js';
import { AgentLease } from './agent-lease.js';
import { BundleArchives } from './bundle-archives.js';
import { Cluster } from './cluster.js';
import { JobRuns, type KubernetesOptions } from './job-runs.js';
import { noServices } from './no-services.js';
import { PodServices } from './pod-services.js';

interface KubernetesAgent {
  readonly agentId: string;
  readonly key: string;
  readonly cacheDir: string;
  /** Ends the wait for an API server that is away. */
  readonly drain: AbortSignal;
}

interface KubernetesWorker {
  readonly worker: Worker;
  /** Aborted when another process with the id of the agent has its Jobs. */
  readonly replaced: AbortSignal;
}

/**
 * A worker whose runs and services are in pods. Waits as long as another process with the id of the agent has its Jobs.
 *
 * @returns `undefined` when the agent was ended while it waited.
 */
export async function kubernetesWorker(
  { agentId, key, cacheDir, drain }: KubernetesAgent,
  options: KubernetesOptions,
  hello: AgentHello,
): Promise<KubernetesWorker | undefined> {
  await ownFolder(cacheDir, '--cache-dir');
  const cluster = Cluster.find(options.namespace, options.owner);
  // The same for a process that is started again in its pod.
  const holder = `${hostname()}:${options.port}`;
  const lease = await AgentLease.acquire(cluster, { agentId, holder, signal: drain });
  if (!lease) return undefined;
  const bundles = new BundleArchives(cacheDir);
  await bundles.removeIncoming();
  const runs = new JobRuns(cluster, options, { agentId, key, bundles });
  const services = new PodServices(cluster, { agentId, key, profiles: options.profiles });
  const end = async (): Promise<void> => {
    await services.end();
    await lease.release();
  };
  try {
    await runs.takeOver(drain);
    const hosts = await services.takeOver(drain);
    const features = hello.features.filter((feature) => hosts || feature !== HOSTS_CONTAINERS);
    const parts = { runs, services: hosts ? services : noServices, bundles, end };
    return { worker: new Worker({ ...hello, features }, parts), replaced: lease.lost };
  } catch (error) {
    // Runs that were found go on in their pods, for the next process.
    await Promise.all([runs.end(), end()]);
    throw error;
  }
}
