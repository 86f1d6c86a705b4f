import type { V1Job } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { apiMessageOf } from './api-calls.js';
import type { Cluster } from './cluster.js';
import { jobHasEnded, jobIs } from './run-job.js';

const logger = new Logger('Kubernetes');
/** Jobs that have failed are kept for people who look at them, until Kubernetes removes them; the latest ones. */
const FAILED_KEPT = 100;

/**
 * Removes the Jobs of an agent that tell nothing more: an hour of short runs would make each list of Jobs and pods
 * large. A Job that no run has was made late, by a request whose answer never came, for a run that is over.
 */
export class FinishedJobs {
  /** Those of the last list that are complete, or that no run has. */
  private former: ReadonlySet<string> = new Set();
  private isRemoving = false;

  constructor(private readonly cluster: Pick<Cluster, 'deleteJob'>) {}

  /**
   * Removes what has been complete, or without a run, since the list before, and the oldest failed ones of too many.
   *
   * @param jobs all Jobs of the agent.
   * @param isKept whether a run still needs the Job of this name.
   */
  async clear(jobs: readonly V1Job[], isKept: (name: string) => boolean): Promise<void> {
    if (this.isRemoving) return;
    const { former } = this;
    const left = jobs.filter((job) => !job.metadata?.deletionTimestamp && !isKept(nameOf(job)));
    const over = left.filter((job) => jobIs(job, 'Complete') || !jobHasEnded(job)).map(nameOf);
    const failed = left.filter((job) => jobIs(job, 'Failed')).toSorted(latestFirst);
    this.former = new Set(over);
    const surplus = failed.slice(FAILED_KEPT).map(nameOf);
    await this.remove([...over.filter((name) => former.has(name)), ...surplus]);
  }

  /** One after the other, so that the API server has little to do. The next list has what is left. */
  private async remove(names: readonly string[]): Promise<void> {
    this.isRemoving = true;
    try {
      for (const name of names) await this.cluster.deleteJob(name);
    } catch (error) {
      logger.warn(`finished Jobs are not removed yet: ${apiMessageOf(error) ?? 'the API server is away'}`);
    } finally {
      this.isRemoving = false;
    }
  }
}

const nameOf = ({ metadata }: V1Job): string => metadata?.name ?? '';

const latestFirst = (one: V1Job, other: V1Job): number => madeAt(other) - madeAt(one);

const madeAt = ({ metadata }: V1Job): number => new Date(metadata?.creationTimestamp ?? 0).getTime();
