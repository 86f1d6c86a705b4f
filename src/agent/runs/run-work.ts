import type { RunOrder } from '../../contract/index.js';
import { executeRun, type RunContext, type RunOutcome } from './execute-run.js';
import { RunFolder } from './run-folder.js';

/** What an agent does of a run; containers of a pod share one. */
export interface RunWork {
  /** The run goes on here, whose order has come to another process. */
  readonly begun?: {
    readonly order: RunOrder;
    /** How long it goes on without the runtime. */
    readonly holdSeconds: number;
    /** What it has used of its time. */
    readonly spentMs: number;
  };
  folder(): Promise<RunFolder>;
  /** @throws {RunHandedOver} when another process goes on with the run; otherwise as {@link executeRun}. */
  execute(order: RunOrder, context: RunContext, holdSeconds: number): Promise<RunOutcome>;
}

/** All of it. */
export const wholeRun = (workDir: string): RunWork => ({
  folder: () => RunFolder.create(workDir),
  execute: executeRun,
});
