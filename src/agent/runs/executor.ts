import type { RunProgress, RunStep } from '../../contract/index.js';
import type { Execution } from '../execution.js';
import type { Parameters } from './references.js';
import type { RunFolder } from './run-folder.js';
import type { RunLog } from './run-log.js';

export type ContainerStep = Extract<RunStep, { kind: 'container' }>;
export type ProcessStep = Extract<RunStep, { kind: 'shell' | 'script' }>;
/** A step that is a program; an HTTP call has no executor. */
export type ProgramStep = ContainerStep | ProcessStep;

export interface StepContext {
  readonly folder: RunFolder;
  readonly parameters: Parameters;
  /** Environment of every program of the run. */
  readonly environment: Readonly<Record<string, string>>;
  readonly executor: Executor;
  readonly progress: (progress: RunProgress) => void;
  /** The log of the whole run. */
  readonly log: Pick<RunLog, 'add'>;
  readonly signal: AbortSignal;
}

/** Starts the programs of steps. Progress, log and result are the same for every executor. */
export interface Executor<Step extends ProgramStep = ProgramStep> {
  /**
   * Starts the program of a step in the folder of its run.
   *
   * @throws {RunFailure} when it cannot start for a reason that concerns the submitter.
   */
  start(step: Step, context: StepContext): Promise<Execution>;
}

/** Passes each step to the executor of its kind. */
export const executorByKind = (
  processes: Executor<ProcessStep>,
  containers: Executor<ContainerStep>,
): Executor => ({
  start: (step, context) =>
    step.kind === 'container' ? containers.start(step, context) : processes.start(step, context),
});
