import type { OutputFile, RunOrder } from '../../contract/index.js';

/** One run of a task that this process took from the queue; for the dispatcher. */
export interface ClaimedRun {
  readonly taskId: string;
  readonly teamId: string;
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

/** A file of the output folder that has been uploaded. */
export interface StoredOutput {
  readonly file: OutputFile;
  readonly fileKey: string;
}
