import type { V1Job } from '@kubernetes/client-node';

import type { PodStanding } from './pod-standing.js';
import { jobHasEnded } from './run-job.js';

/** Of a profile that is not known any more. */
const START_SECONDS = 900;
/** A Job that was made while its kind was listed is in the next list. */
const ABSENCES = 2;
/** How long a pod may be without its node and without a connection; both may come back after a short failure of the network. */
const LOST_SECONDS = 30;

/** What Job and pod of a run mean for it. */
export type PodFinding =
  | { readonly is: 'fine' }
  /** Its pod has ended, and stays for people who look at it. */
  | Extract<PodStanding, { is: 'failed' | 'interrupted' }>
  /** Its pod does not start. */
  | { readonly is: 'unstartable'; readonly error: string };

const FINE: PodFinding = { is: 'fine' };

/** Whether the pod of a run still may start, and whether it is still there, from what Kubernetes says over time. */
export class PodWatch {
  /** Since when the pod may start. */
  private since = performance.now();
  private problemSince: number | undefined;
  private lostSince: number | undefined;
  private isMade = false;
  private hasBegun = false;
  private absences = 0;

  constructor(private readonly startSeconds = START_SECONDS) {}

  /** Kubernetes has the Job. */
  made(): void {
    this.isMade = true;
    this.absences = 0;
    this.since = performance.now();
  }

  /** The pod runs. What it still waits for then, such as a second image, has its whole time. */
  begun(): void {
    this.hasBegun = true;
    this.since = performance.now();
  }

  /** @param isConnected whether the agent in the pod is connected to this one. */
  findingOf(standing: PodStanding, isConnected: boolean): PodFinding {
    this.absences = 0;
    if (standing.is !== 'unreachable' || isConnected) this.lostSince = undefined;
    if (standing.is === 'waiting') return this.waiting(standing);
    if (standing.is === 'failed' || standing.is === 'interrupted') return standing;
    this.begun();
    return standing.is === 'unreachable' && !isConnected ? this.unreachable(standing.reason) : FINE;
  }

  /**
   * What it means that the run has no pod.
   *
   * @param job `undefined`: there is no Job either.
   * @param reason why none was made, where that is known.
   */
  withoutPod(name: string, job: V1Job | undefined, reason?: string): PodFinding {
    if (!job) return this.withoutJob();
    this.absences = 0;
    if (jobHasEnded(job)) return interrupted('its Job has ended and its pod has gone');
    if (job.spec?.suspend) return this.suspended();
    if (this.hasBegun || !this.isOver(this.since, this.startSeconds)) return FINE;
    const hint = `Kubernetes has made no pod for it; kubectl describe job ${name} says why`;
    return late(this.startSeconds, reason ?? hint);
  }

  private waiting({ reason, limitSeconds }: Extract<PodStanding, { is: 'waiting' }>): PodFinding {
    if (limitSeconds === undefined) {
      this.problemSince = undefined;
      return this.isOver(this.since, this.startSeconds)
        ? late(this.startSeconds, reason ?? 'its pod is being prepared')
        : FINE;
    }
    this.problemSince ??= performance.now();
    if (!this.isOver(this.problemSince, limitSeconds)) return FINE;
    return limitSeconds === 0
      ? { is: 'unstartable', error: `The run cannot start: ${reason}.` }
      : late(limitSeconds, reason);
  }

  private unreachable(reason: string): PodFinding {
    this.lostSince ??= performance.now();
    return this.isOver(this.lostSince, LOST_SECONDS) ? interrupted(reason) : FINE;
  }

  private withoutJob(): PodFinding {
    if (!this.isMade) return FINE;
    this.absences += 1;
    return this.absences >= ABSENCES ? interrupted('its Job was deleted') : FINE;
  }

  /** A queue holds the Job back. Its pod has its whole time to start once it is admitted. */
  private suspended(): PodFinding {
    if (this.hasBegun) return interrupted('its Job was suspended');
    this.since = performance.now();
    this.problemSince = undefined;
    return FINE;
  }

  private isOver(since: number, seconds: number): boolean {
    return performance.now() - since >= seconds * 1000;
  }
}

const interrupted = (reason: string): PodFinding => ({ is: 'interrupted', reason });

const late = (seconds: number, reason: string | undefined): PodFinding => ({
  is: 'unstartable',
  error: `The run did not start within ${seconds} s: ${reason}.`,
});
