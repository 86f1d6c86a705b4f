import type { RunName } from './run-stream.js';

/**
 * Exit code of an agent whose run has ended without a report that the runtime has stored: it was cancelled, or the runtime
 * stayed away.
 */
export const RUN_LEFT = 75;

/** The one run of an agent that was started for it: it takes the order of this run once, and no other. */
export class OnlyRun {
  private readonly end = Promise.withResolvers<boolean>();
  private isTaken = false;

  constructor(private readonly name: RunName) {}

  /** Resolves when the run has ended, with whether the runtime has its report. */
  get ended(): Promise<boolean> {
    return this.end.promise;
  }

  get hasBegun(): boolean {
    return this.isTaken;
  }

  /** Whether this is the order to begin. */
  takes({ task_id, attempt }: RunName): boolean {
    const isWanted = !this.isTaken && task_id === this.name.task_id && attempt === this.name.attempt;
    this.isTaken ||= isWanted;
    return isWanted;
  }

  hasEnded(isSettled: boolean): void {
    this.end.resolve(isSettled);
  }
}
