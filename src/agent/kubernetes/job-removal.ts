import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import { keepRunning } from '../../tunnel/index.js';
import { API_RETRY_DELAYS, apiMessageOf, type Cluster } from './cluster.js';
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

/**
 * Removes a Job with its pod. Resolves when both have gone, or after a limit: the pod of a lost node is there until the
 * node comes back or is removed from the cluster. The removal goes on then, and logs its end.
 */
export async function removeJob(
  cluster: Pick<Cluster, 'deleteJob' | 'hasJob'>,
  name: string,
  { signal, limitMs = LIMIT_MS }: RemovalOptions,
): Promise<void> {
  const isOver = new AbortController();
  const removal = untilGone(cluster, name, signal).finally(() => isOver.abort());
  const limit = delay(limitMs, 'limit', { signal: isOver.signal, ref: false }).catch(() => 'over');
  if ((await Promise.race([removal, limit])) !== 'limit') return;
  logger.warn(
    `Job ${name} and its pod have not gone within ${limitMs / 1000} s, as when a node is lost. The slot of the run is free again; the agent goes on with the removal.`,
  );
  void removal.then(() => {
    if (!signal.aborted) logger.log(`Job ${name} has gone`);
  });
}

async function untilGone(
  cluster: Pick<Cluster, 'deleteJob' | 'hasJob'>,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  const remove = async (): Promise<void> => {
    try {
      await cluster.deleteJob(name);
      let pause = PAUSE.firstMs;
      while (await cluster.hasJob(name)) {
        await delay(pause, undefined, { signal });
        pause = Math.min(PAUSE.longestMs, pause * PAUSE.growth);
      }
      gone.abort();
    } catch (error) {
      const why = apiMessageOf(error) ?? 'the API server does not answer';
      if (!signal.aborted) logger.warn(`Job ${name} is not removed yet: ${why}`);
    }
  };
  await keepRunning(remove, AbortSignal.any([gone.signal, signal]), API_RETRY_DELAYS);
}
