import type { V1Job, V1Secret } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import { keepRunning } from '../../tunnel/index.js';
import { apiMessageOf, ClusterRefusal } from './api-calls.js';
import { API_RETRY_DELAYS, type Cluster } from './cluster.js';

const logger = new Logger('Kubernetes');

/** What Kubernetes is to make for a run. */
interface NewJob {
  readonly job: V1Job;
  /** The Secret that the Job owns. */
  readonly secretOf: (job: V1Job) => V1Secret;
}

type Creation =
  | { readonly is: 'made' }
  /** The signal was aborted before. */
  | { readonly is: 'stopped' }
  | { readonly is: 'impossible'; readonly error: string };

/**
 * Makes the Job of a run, and its Secret. It tries again while the API server is away or busy, for as long as the pod of
 * the run may take to start.
 */
export async function makeJob(
  cluster: Pick<Cluster, 'createJob' | 'createSecret'>,
  { job, secretOf }: NewJob,
  { startSeconds, signal }: { readonly startSeconds: number; readonly signal: AbortSignal },
): Promise<Creation> {
  const begin = performance.now();
  const over = new AbortController();
  let creation: Creation = { is: 'stopped' };
  const tryOnce = async (): Promise<void> => {
    try {
      await cluster.createSecret(secretOf(await cluster.createJob(job)));
      creation = { is: 'made' };
    } catch (error) {
      logger.warn(`${job.metadata?.name} is not made: ${apiMessageOf(error) ?? errorText(error)}`);
      const isLate = performance.now() - begin >= startSeconds * 1000;
      if (error instanceof ClusterRefusal || isLate)
        creation = { is: 'impossible', error: problemOf(error, startSeconds) };
    }
    if (creation.is !== 'stopped') over.abort();
  };
  await keepRunning(tryOnce, AbortSignal.any([over.signal, signal]), API_RETRY_DELAYS);
  return creation;
}

function problemOf(error: unknown, startSeconds: number): string {
  const message = (apiMessageOf(error) ?? 'the API server does not answer').replace(/\.$/, '');
  if (error instanceof ClusterRefusal) return `Kubernetes refused the Job of the run: ${message}.`;
  return `Kubernetes has not made the Job of the run within ${startSeconds} s: ${message}.`;
}
