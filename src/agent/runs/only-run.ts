import type { HeldRun } from './held-run.js';
import type { RunName } from './run-stream.js';
import type { RunWork } from './run-work.js';

/**
 * Exit code of an agent whose run has ended without a report that the runtime has stored: it was cancelled, or the runtime
 * stayed away.
 */
export const RUN_LEFT = 75;

/** The one run of an agent that was started for it: it takes the order of this run once, and no other. */
export class OnlyRun {
  private readonly end = Promise.withResolvers<HeldRun['ending']>();
  private isTaken = false;

  constructor(
    private readonly name: RunName,
    /** Default: all of the run. */
    readonly work?: RunWork,
  ) {}

  /** Resolves when the run has ended here. */
  get ended(): Promise<HeldRun['ending']> {
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

  hasEnded(how: HeldRun['ending']): void {
    this.end.resolve(how);
  }
}
