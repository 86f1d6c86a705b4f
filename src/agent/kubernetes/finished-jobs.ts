import type { V1Job } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { apiMessageOf, type Cluster } from './cluster.js';
import { jobIs } from './run-job.js';

const logger = new Logger('Kubernetes');
/** Jobs that have failed are kept for people who look at them, until Kubernetes removes them; the latest ones. */
const FAILED_KEPT = 100;

/**
 * Removes the finished Jobs of an agent that tell nothing more: an hour of short runs would make each list of Jobs and pods
 * large.
 */
export class FinishedJobs {
  /** Of the last list. */
  private completed: ReadonlySet<string> = new Set();
  private isRemoving = false;

  constructor(private readonly cluster: Pick<Cluster, 'deleteJob'>) {}

  /**
   * Removes what has been complete since the list before, and the oldest failed ones of too many.
   *
   * @param jobs all Jobs of the agent.
   * @param isKept whether a run still needs the Job of this name.
   */
  async clear(jobs: readonly V1Job[], isKept: (name: string) => boolean): Promise<void> {
    if (this.isRemoving) return;
    const former = this.completed;
    const left = jobs.filter((job) => !job.metadata?.deletionTimestamp && !isKept(nameOf(job)));
    const completed = left.filter((job) => jobIs(job, 'Complete')).map(nameOf);
    const failed = left.filter((job) => jobIs(job, 'Failed')).toSorted(latestFirst);
    this.completed = new Set(completed);
    const surplus = failed.slice(FAILED_KEPT).map(nameOf);
    await this.remove([...completed.filter((name) => former.has(name)), ...surplus]);
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
