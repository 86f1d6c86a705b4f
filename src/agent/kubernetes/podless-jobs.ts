import type { V1Job } from '@kubernetes/client-node';
import { Logger } from '@nestjs/common';

import { apiMessageOf, ClusterRefusal } from './api-calls.js';
import type { Cluster } from './cluster.js';
import { said } from './pod-standing.js';
import { jobHasEnded } from './run-job.js';

const logger = new Logger('Kubernetes');

/** Finds out why Jobs have no pods: a quota, an admission check. Only the events of a Job say so. */
export class PodlessJobs {
  private isRefused = false;

  constructor(private readonly cluster: Pick<Cluster, 'failedCreations'>) {}

  /**
   * @param jobs without pods; one that was deleted is `undefined`.
   * @returns the words of Kubernetes by the name of the Job; none where they cannot be read.
   */
  async failures(jobs: readonly (V1Job | undefined)[]): Promise<ReadonlyMap<string, string>> {
    const isAsked = jobs.some((job) => job && !job.spec?.suspend && !jobHasEnded(job));
    if (!isAsked || this.isRefused) return new Map();
    try {
      const failures = await this.cluster.failedCreations();
      return new Map([...failures].map(([name, message]) => [name, said(message.replace(PREFIX, ''))]));
    } catch (error) {
      if (error instanceof ClusterRefusal) this.refused(error);
      return new Map();
    }
  }

  private refused(error: ClusterRefusal): void {
    this.isRefused = true;
    logger.warn(`why a Job has no pod cannot be read from its events: ${apiMessageOf(error)}`);
  }
}

const PREFIX = /^Error creating: /;
