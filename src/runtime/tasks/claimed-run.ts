import type { OutputFile, RunOrder } from '../../contract/index.js';

/** One run of a task that this process took from the queue; for the dispatcher. */
export interface ClaimedRun {
  readonly taskId: string;
  readonly teamId: string;
  /** `slug@version` of its workflow. */
  readonly workflow: string;
  /** Who runs it. */
  readonly agentId: string;
  /** From 1; counts every run of the task, the interrupted ones included. */
  readonly attempt: number;
  readonly order: Omit<RunOrder, 'files'>;
  readonly fileParameters: readonly { parameter: string; fileKey: string }[];
  /** Aborted when the task is cancelled, or when this run was given up for another one. */
  readonly signal: AbortSignal;
}

/** An agent that asks for work. */
export interface ClaimingAgent {
  readonly agentId: string;
  readonly labels: readonly string[];
  readonly teamId: string;
  readonly gpuType?: string;
}

/** A connected agent, as far as eligibility goes. */
export type EligibleAgent = Pick<ClaimingAgent, 'labels' | 'teamId'>;

/** What a run leaves beside its result. */
export interface RunRemains {
  /** The end of what it wrote. */
  readonly log?: string | undefined;
}

/** What a run that succeeded leaves. */
export interface SuccessRemains extends RunRemains {
  /** What is kept otherwise than the run left it, or not at all. */
  readonly warnings?: readonly string[] | undefined;
}

/** What a run that failed leaves. */
export interface FailureRemains extends RunRemains {
  /** Another run would fail in the same way. */
  readonly isFinal?: boolean | undefined;
}

/** A file of the output folder that has been uploaded. */
export interface StoredOutput {
  readonly file: OutputFile;
  readonly fileKey: string;
}
