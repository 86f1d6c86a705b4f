import type { AgentHello } from '../../contract/index.js';
import { ownFolder, Worker } from '../worker.js';
import { BundleArchives } from './bundle-archives.js';
import { Cluster } from './cluster.js';
import { JobRuns, type KubernetesOptions } from './job-runs.js';
import { noServices } from './no-services.js';

interface KubernetesAgent {
  readonly agentId: string;
  readonly key: string;
  readonly cacheDir: string;
  /** Ends the wait for an API server that is away. */
  readonly drain: AbortSignal;
}

/** A worker whose runs take place in pods. */
export async function kubernetesWorker(
  { agentId, key, cacheDir, drain }: KubernetesAgent,
  options: KubernetesOptions,
  hello: AgentHello,
): Promise<Worker> {
  await ownFolder(cacheDir, '--cache-dir');
  const bundles = new BundleArchives(cacheDir);
  const runs = new JobRuns(Cluster.find(options.namespace), options, { agentId, key, bundles });
  await runs.takeOver(drain);
  return new Worker(hello, { runs, services: noServices, bundles, end: () => Promise.resolve() });
}
