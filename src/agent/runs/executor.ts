import type { RunProgress, RunStep } from '../../contract/index.js';
import type { Execution } from '../execution.js';
import type { LogTail } from '../processes/process-output.js';
import type { Parameters } from './references.js';
import type { RunFolder } from './run-folder.js';

/** A step that is a program; an HTTP call has no executor. */
export type ProgramStep = Exclude<RunStep, { kind: 'http' }>;

export interface StepContext {
  readonly folder: RunFolder;
  readonly parameters: Parameters;
  /** Environment of every program of the run. */
  readonly environment: Readonly<Record<string, string>>;
  readonly executor: Executor;
  readonly progress: (progress: RunProgress) => void;
  /** The log of the whole run. */
  readonly log: LogTail;
  readonly signal: AbortSignal;
}

/** Starts the programs of steps. Progress, log and result are the same whatever starts them. */
export interface Executor {
  /**
   * Starts the program of a step in the folder of its run.
   *
   * @throws {RunFailure} when it cannot start for a reason that concerns the submitter.
   */
  start(step: ProgramStep, context: StepContext): Promise<Execution>;
}
