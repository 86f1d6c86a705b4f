import type { V1Job } from '@kubernetes/client-node';

import type { PodStanding } from './pod-standing.js';

/** Of a profile that is not known any more. */
const START_SECONDS = 900;
/** A Job that was made while its kind was listed is in the next list. */
const ABSENCES = 2;

/** Whether the pod of a run still may start, and why it has not. */
export class StartWatch {
  private readonly since = performance.now();
  private problemSince: number | undefined;
  private hasBegun = false;
  private absences = 0;

  constructor(private readonly startSeconds = START_SECONDS) {}

  /** The pod runs. */
  begun(): void {
    this.hasBegun = true;
    this.absences = 0;
  }

  /** Why the run cannot begin any more; `undefined` while it may. */
  problem({ reason, limitSeconds }: Extract<PodStanding, { is: 'waiting' }>): string | undefined {
    this.absences = 0;
    if (limitSeconds === undefined) {
      this.problemSince = undefined;
      return this.isOver(this.since, this.startSeconds)
        ? late(this.startSeconds, reason ?? 'its pod is being prepared')
        : undefined;
    }
    this.problemSince ??= performance.now();
    if (!this.isOver(this.problemSince, limitSeconds)) return undefined;
    return limitSeconds === 0 ? `The run cannot start: ${reason}.` : late(limitSeconds, reason);
  }

  /** What it means that the run has no pod. */
  withoutPod(
    name: string,
    job: V1Job | undefined,
  ): { readonly problem?: string; readonly interruption?: string } {
    if (!job) {
      this.absences += 1;
      return this.absences >= ABSENCES && this.hasBegun ? { interruption: 'its Job was deleted' } : {};
    }
    this.absences = 0;
    if (job.status?.conditions?.some(({ type, status }) => type === 'Failed' && status === 'True'))
      return { interruption: 'its Job has failed and its pod has gone' };
    if (job.spec?.suspend) return this.hasBegun ? { interruption: 'its Job was suspended' } : {};
    if (this.hasBegun || !this.isOver(this.since, this.startSeconds)) return {};
    const hint = `Kubernetes has made no pod for it; kubectl describe job ${name} says why`;
    return { problem: late(this.startSeconds, hint) };
  }

  private isOver(since: number, seconds: number): boolean {
    return performance.now() - since >= seconds * 1000;
  }
}

const late = (seconds: number, reason: string | undefined): string =>
  `The run did not start within ${seconds} s: ${reason}.`;
