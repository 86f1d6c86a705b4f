import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import { keepRunning } from '../../tunnel/index.js';
import { apiMessageOf } from './api-calls.js';
import { API_RETRY_DELAYS, type Cluster } from './cluster.js';
import { GRACE_SECONDS } from './run-job.js';

const logger = new Logger('Kubernetes');
/** The grace period of the pod, and time for its node. */
const LIMIT_MS = (GRACE_SECONDS + 60) * 1000;
/** Between two looks whether it has gone: at first, in the end, and how it grows. */
const PAUSE = { firstMs: 1000, longestMs: 30_000, growth: 1.2 };

interface RemovalOptions {
  /** Ends the removal; what Kubernetes has begun it brings to its end. */
  readonly signal: AbortSignal;
  readonly limitMs?: number;
}

/** An object that is there until its pods have gone. */
interface RemovedObject {
  /** As in `Job a`. */
  readonly title: string;
  readonly remove: () => Promise<void>;
  readonly isThere: () => Promise<boolean>;
  /** What may go on although it is still there. */
  readonly consequence: string;
}

/**
 * Removes a Job with its pod. Resolves when both have gone, or after a limit: the pod of a lost node is there until the
 * node comes back or is removed from the cluster. The removal goes on then, and logs its end.
 */
export function removeJob(
  cluster: Pick<Cluster, 'deleteJob' | 'hasJob'>,
  name: string,
  options: RemovalOptions,
): Promise<void> {
  const job: RemovedObject = {
    title: `Job ${name}`,
    remove: () => cluster.deleteJob(name),
    isThere: () => cluster.hasJob(name),
    consequence: 'The slot of the run is free again',
  };
  return removeObject(job, options);
}

/** Removes the Deployment of a service, with what it owns, as {@link removeJob}. */
export function removeDeployment(
  cluster: Pick<Cluster, 'deleteDeployment' | 'hasDeployment'>,
  name: string,
  options: RemovalOptions,
): Promise<void> {
  const deployment: RemovedObject = {
    title: `Deployment ${name}`,
    remove: () => cluster.deleteDeployment(name),
    isThere: () => cluster.hasDeployment(name),
    consequence: 'Its service counts as stopped',
  };
  return removeObject(deployment, options);
}

async function removeObject(
  object: RemovedObject,
  { signal, limitMs = LIMIT_MS }: RemovalOptions,
): Promise<void> {
  const { title, consequence } = object;
  const isOver = new AbortController();
  const removal = untilGone(object, signal).finally(() => isOver.abort());
  const limit = delay(limitMs, 'limit', { signal: isOver.signal, ref: false }).catch(() => 'over');
  if ((await Promise.race([removal, limit])) !== 'limit') return;
  logger.warn(
    `${title} and its pod have not gone within ${limitMs / 1000} s, as when a node is lost. ${consequence}; the agent goes on with the removal.`,
  );
  void removal.then(() => {
    if (!signal.aborted) logger.log(`${title} has gone`);
  });
}

async function untilGone({ title, remove, isThere }: RemovedObject, signal: AbortSignal): Promise<void> {
  const gone = new AbortController();
  const tryOnce = async (): Promise<void> => {
    try {
      await remove();
      let pause = PAUSE.firstMs;
      while (await isThere()) {
        await delay(pause, undefined, { signal });
        pause = Math.min(PAUSE.longestMs, pause * PAUSE.growth);
      }
      gone.abort();
    } catch (error) {
      const why = apiMessageOf(error) ?? 'the API server does not answer';
      if (!signal.aborted) logger.warn(`${title} is not removed yet: ${why}`);
    }
  };
  await keepRunning(tryOnce, AbortSignal.any([gone.signal, signal]), API_RETRY_DELAYS);
}
