import { Inject, Injectable, Logger } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { Database, type Tx } from '../database/index.js';
import { type Claim, Engine } from '../engine/index.js';
import type { ClaimedRun, FailureRemains, StoredOutput, SuccessRemains } from './claimed-run.js';
import { ConnectedAgents } from './connected-agents.js';
import { HeldRuns } from './held-runs.js';
import { giveUpInterrupted, INTERRUPTIONS_LIMIT } from './interruptions.js';
import { storable, writeFiles, writeLog } from './run-remains.js';
import { HELD_STATES, moveTask, TASK_COLUMNS, type TaskChange, type TaskRow } from './task-transitions.js';

/** The longest a failed run waits before it is repeated. */
const LONGEST_WAIT_SECONDS = 300;

/** Ends runs: for good, or to begin again. */
@Injectable()
export class RunOutcomes {
  private readonly logger = new Logger('Tasks');
  @Inject(CONFIG) private readonly config!: Config;

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly held: HeldRuns,
    private readonly agents: ConnectedAgents,
  ) {}

  async completed(
    run: ClaimedRun,
    output: unknown,
    files: readonly StoredOutput[],
    { log, warnings = [] }: SuccessRemains,
  ): Promise<void> {
    const claim = this.held.claimOf(run);
    if (!claim) return;
    const task_output = JSON.stringify(output ?? null);
    const task_warnings = warnings.map(storable);
    const completed_at = new Date();
    const change = { task_status: 'completed' as const, completed_at, task_output, task_warnings };
    await this.database.db.transaction().execute(async (tx) => {
      const data = { status: 'completed', output: output ?? null, agent_id: run.agentId };
      const moved = await moveTask(tx, movable(claim), change, { event: 'completed', data });
      if (!moved) return;
      await writeFiles(tx, claim, files);
      await writeLog(tx, claim, log);
      await this.engine.settle(tx, claim, 'done');
      this.logger.log(sentenceOf(run, 'completed', moved));
    });
    this.held.remove(run);
  }

  /** Runs again while `max_retries` allows it and it is not final, else `failed`. */
  failed(run: ClaimedRun, reason: string, { log, isFinal = false }: FailureRemains): Promise<void> {
    const error = storable(reason);
    return this.end(run, async (tx, claim, task) => {
      const { retry_count, max_retries, agent_id } = task;
      await writeLog(tx, claim, log);
      if (retry_count < max_retries && !isFinal) {
        const seconds = this.waitBefore(retry_count);
        const message = `retry ${retry_count + 1} of ${max_retries} in ${seconds} s after: ${error}`;
        await this.requeue(tx, claim, { retry_count: retry_count + 1 }, { message, seconds });
        this.logger.log(sentenceOf(run, `failed, and is repeated in ${seconds} s`, task));
        return;
      }
      const change = { task_status: 'failed' as const, completed_at: new Date(), task_error: error };
      const data = { status: 'failed', error, agent_id };
      await moveTask(tx, movable(claim), change, { event: 'failed', data });
      await this.engine.settle(tx, claim, 'done');
      this.logger.log(sentenceOf(run, 'failed', task));
    });
  }

  /** Agent or server lost: runs again, not counted as a retry, though not for ever. */
  interrupted(run: ClaimedRun): Promise<void> {
    return this.end(run, async (tx, claim, task) => {
      await this.requeueInterrupted(tx, claim, task);
      this.logger.log(sentenceOf(run, 'cut off', task));
    });
  }

  /** Gives tasks that a server left in somebody's hands when it died back to the queue. */
  async recover(): Promise<number> {
    if (!this.database.isExclusive) return 0;
    const orphans = await this.database.db
      .selectFrom('task')
      .select(TASK_COLUMNS)
      .where('task_status', 'in', HELD_STATES)
      .execute();
    for (const task of orphans) {
      const claim = {
        taskId: task.id,
        teamId: task.team_id,
        labels: task.required_labels,
        attempt: task.attempt_count,
      };
      await this.database.db.transaction().execute((tx) => this.requeueInterrupted(tx, claim, task));
    }
    return orphans.length;
  }

  private requeueInterrupted(tx: Tx, claim: Claim, task: TaskRow): Promise<void> {
    const interrupted_count = claim.attempt - task.retry_count;
    if (interrupted_count >= INTERRUPTIONS_LIMIT) return giveUpInterrupted(tx, this.engine, claim);
    return this.requeue(
      tx,
      claim,
      { interrupted_count },
      { message: 'the run was cut off and begins again' },
    );
  }

  /** Doubled with each failure: what failed because something is overloaded or restarts shall find it well again. */
  private waitBefore(retries: number): number {
    return Math.min(LONGEST_WAIT_SECONDS, this.config.runsRetrySeconds * 2 ** Math.min(retries, 16));
  }

  private async requeue(
    tx: Tx,
    claim: Claim,
    counts: TaskChange,
    { message, seconds = 0 }: { readonly message: string; readonly seconds?: number },
  ): Promise<void> {
    const task_status = this.agents.canRun(claim) ? 'pending' : 'waiting';
    const change = { ...counts, task_status, agent_id: null, agent_labels: null, gpu_type: null } as const;
    const data = { status: task_status, message };
    await moveTask(tx, movable(claim), change, { event: 'status', data });
    await this.engine.settle(tx, claim, 'again', seconds);
  }

  /** Does the work if the run is still ours and its task still in an agent's hands. */
  private async end(
    run: ClaimedRun,
    work: (tx: Tx, claim: Claim, task: TaskRow) => Promise<void>,
  ): Promise<void> {
    const claim = this.held.claimOf(run);
    if (!claim) return;
    await this.database.db.transaction().execute(async (tx) => {
      const task = await tx
        .selectFrom('task')
        .select(TASK_COLUMNS)
        .where('id', '=', claim.taskId)
        .where('team_id', '=', claim.teamId)
        .where('attempt_count', '=', claim.attempt)
        .where('task_status', 'in', HELD_STATES)
        .forUpdate()
        .executeTakeFirst();
      if (task) await work(tx, claim, task);
    });
    this.held.remove(run);
  }
}

/** What became of a run, for the log; nothing of its parameters, output or error. */
function sentenceOf(
  { taskId, workflow, agentId, attempt }: ClaimedRun,
  outcome: string,
  task: TaskRow,
): string {
  const begun = task.started_at?.getTime() ?? Date.now();
  const seconds = ((Date.now() - begun) / 1000).toFixed(1);
  return `task ${taskId} (${workflow}): ${outcome} after ${seconds} s on agent ${agentId}, attempt ${attempt}`;
}

const movable = ({ taskId, teamId, attempt }: Claim) => ({ taskId, teamId, attempt, from: HELD_STATES });
