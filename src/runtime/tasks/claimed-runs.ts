import { Injectable } from '@nestjs/common';

import type { OutputFile, RunOrder } from '../../contract/index.js';
import type { Claim } from '../engine/index.js';
import type { RetryPolicy } from '../workflows/index.js';
import { TaskNotifications } from './task-notifications.js';

/** One run of a task that this process has claimed from the queue. */
export interface ClaimedRun {
  readonly taskId: string;
  readonly teamId: string;
  /** `slug@version` of its workflow. */
  readonly workflow: string;
  readonly agentId: string;
  /** From 1; counts every run of the task, the interrupted ones included. */
  readonly attempt: number;
  readonly retry: RetryPolicy | undefined;
  readonly order: Omit<RunOrder, 'files'>;
  readonly fileParameters: readonly { parameter: string; fileKey: string }[];
  /** Aborted when the task is cancelled, or the run was given to another agent. */
  readonly signal: AbortSignal;
}

/** An agent that claims jobs. */
export interface ClaimingAgent {
  readonly agentId: string;
  readonly labels: readonly string[];
  readonly teamId: string;
  /** Name of its first GPU. */
  readonly gpuType?: string | undefined;
}

/** A file of the output folder that has been uploaded. */
export interface StoredOutput {
  readonly file: OutputFile;
  readonly fileKey: string;
}

interface Claimed {
  readonly claim: Claim;
  readonly controller: AbortController;
}

type RunName = Pick<ClaimedRun, 'taskId' | 'attempt'>;

/** The runs that this process has claimed; aborts them. */
@Injectable()
export class ClaimedRuns {
  private readonly runs = new Map<string, Claimed>();

  constructor(notices: TaskNotifications) {
    // Another process may have received the call; the notification reaches the one that has the run.
    notices.subscribe({
      notified: ({ event, task_id }) => {
        if (event === 'cancelled') this.stop(task_id);
      },
      missed: () => undefined,
    });
  }

  /** Adds a claim; an older run of the same task is aborted, since its claim is void. */
  add(claim: Claim): AbortSignal {
    this.stop(claim.taskId);
    const controller = new AbortController();
    this.runs.set(claim.taskId, { claim, controller });
    return controller.signal;
  }

  /** The runs that this process holds. */
  list(): RunName[] {
    return [...this.runs.values()].map(({ claim: { taskId, attempt } }) => ({ taskId, attempt }));
  }

  /** The claim of a run; `undefined` when this process no longer has it. */
  claimOf({ taskId, attempt }: RunName): Claim | undefined {
    const held = this.runs.get(taskId);
    return held?.claim.attempt === attempt ? held.claim : undefined;
  }

  remove({ taskId, attempt }: RunName): void {
    if (this.claimOf({ taskId, attempt })) this.runs.delete(taskId);
  }

  abort(run: RunName): void {
    if (this.claimOf(run)) this.stop(run.taskId);
  }

  private stop(taskId: string): void {
    const held = this.runs.get(taskId);
    this.runs.delete(taskId);
    held?.controller.abort();
  }
}
