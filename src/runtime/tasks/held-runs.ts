import { Injectable } from '@nestjs/common';

import type { Claim } from '../engine/index.js';
import type { ClaimedRun } from './claimed-run.js';
import { TaskNotices } from './task-notices.js';

interface HeldRun {
  readonly claim: Claim;
  readonly controller: AbortController;
}

type RunName = Pick<ClaimedRun, 'taskId' | 'attempt'>;

/** The runs this process has in its hands, and the way to stop each. */
@Injectable()
export class HeldRuns {
  private readonly runs = new Map<string, HeldRun>();

  constructor(notices: TaskNotices) {
    // Whichever process took the call: the one that has the run hears of it here.
    notices.subscribe(({ event, task_id }) => {
      if (event === 'cancelled') this.stop(task_id);
    });
  }

  /** Takes a claim; an older run of the same task is stopped, since it was given away. */
  add(claim: Claim): AbortSignal {
    this.stop(claim.taskId);
    const controller = new AbortController();
    this.runs.set(claim.taskId, { claim, controller });
    return controller.signal;
  }

  /** The claim behind a run; `undefined` once it is not ours any more. */
  claimOf({ taskId, attempt }: RunName): Claim | undefined {
    const held = this.runs.get(taskId);
    return held?.claim.attempt === attempt ? held.claim : undefined;
  }

  /** Lets go of a run that has come to its end. */
  remove({ taskId, attempt }: RunName): void {
    if (this.claimOf({ taskId, attempt })) this.runs.delete(taskId);
  }

  /** Stops a run that is not wanted any more. */
  giveUp(run: RunName): void {
    if (this.claimOf(run)) this.stop(run.taskId);
  }

  /** Tells whoever runs this task to stop. */
  private stop(taskId: string): void {
    const held = this.runs.get(taskId);
    this.runs.delete(taskId);
    held?.controller.abort();
  }
}
