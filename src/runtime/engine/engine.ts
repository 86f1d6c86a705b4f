import type { Tx } from '../database/index.js';

/** What a task needs of an agent, and whose agents may take it. */
export interface WorkRequirement {
  readonly teamId: string;
  readonly labels: readonly string[];
}

/** One job in somebody's hands. `attempt` fences it: once the job was given away again, the old claim is void. */
export interface Claim extends WorkRequirement {
  /** Job and task share their id. */
  readonly taskId: string;
  /** From 1; counts how often the job was claimed. */
  readonly attempt: number;
}

/** `done`: it needs no further run; `again`: somebody shall claim it anew. */
export type Outcome = 'done' | 'again';

/**
 * The queue of the runtime: five verbs, each inside the caller's transaction, so that a task and its job are never
 * of two minds. The class is the injection token.
 */
export abstract class Engine {
  /** Makes ready for jobs with this requirement; call it before the transaction that enqueues the first. */
  abstract prepare(requirement: WorkRequirement): Promise<void>;

  abstract enqueue(tx: Tx, taskId: string, requirement: WorkRequirement): Promise<void>;

  /** Takes up to `limit` jobs an agent of the team with these labels may run, oldest first in each requirement. */
  abstract claim(tx: Tx, agent: WorkRequirement, limit: number): Promise<Claim[]>;

  /** Says the claims are alive; one that stays silent for a minute is given to somebody else. */
  abstract heartbeat(claims: readonly Claim[]): Promise<void>;

  /**
   * Ends a claim; a void one is left alone.
   *
   * @param afterSeconds by the clock of the database, before which a job that is to run `again` is not given away.
   */
  abstract settle(tx: Tx, claim: Claim, outcome: Outcome, afterSeconds?: number): Promise<void>;

  /** Withdraws a job, claimed or not. */
  abstract cancel(tx: Tx, taskId: string, requirement: WorkRequirement): Promise<void>;

  abstract start(): Promise<void>;
  abstract stop(): Promise<void>;
}
