import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { sql } from 'kysely';

import { CONFIG, type Config } from '../../config/index.js';
import type { RunProgress, RunReport } from '../../contract/index.js';
import { Database, type Db, storable, type Tx, whenReachable } from '../database/index.js';
import { type Claim, Engine } from '../engine/index.js';
import { LogWriter } from '../logs/index.js';
import { type ClaimedRun, ClaimedRuns, type StoredOutput } from './claimed-runs.js';
import type { RequeueCause } from './presented-task.js';
import { secondsBeforeRetry } from './retry-backoff.js';
import { failInterrupted, INTERRUPTIONS_LIMIT } from './task-claims.js';
import { type RunEnding, TaskMetrics } from './task-metrics.js';
import {
  claimOf,
  HELD_STATES,
  heldTasks,
  moveTask,
  movingTask,
  type NewTaskEvent,
  saveOutputFiles,
  TASK_COLUMNS,
  type TaskChange,
  type TaskRow,
} from './task-transitions.js';
import { WaitingTasks } from './waiting-tasks.js';

/** Why a task runs again. */
interface RequeueReason {
  readonly message: string;
  readonly cause: RequeueCause;
  /** Of a run that failed. */
  readonly error?: string;
  /** Delay before it can start. */
  readonly seconds?: number;
}

type CompletedReport = Extract<RunReport, { type: 'completed' }>;
type FailedReport = Extract<RunReport, { type: 'failed' }>;

/**
 * Applies what becomes of a run to its task: progress, the end of the task, or another run. A report about a run that was
 * cancelled or given to another agent changes nothing.
 */
@Injectable()
export class RunReports implements OnModuleDestroy {
  private readonly logger = new Logger('Tasks');
  private readonly closing = new AbortController();
  @Inject(CONFIG) private readonly config!: Config;
  @Inject(LogWriter) private readonly logs!: LogWriter;
  @Inject(TaskMetrics) private readonly metrics!: TaskMetrics;

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly claimed: ClaimedRuns,
    private readonly waiting: WaitingTasks,
  ) {}

  /** Before the hooks that wait for runs, which wait for the database. */
  onModuleDestroy(): void {
    this.closing.abort();
  }

  /** Forgets a run that could not be recorded; reconciliation runs its task again. */
  release(run: ClaimedRun): void {
    this.claimed.remove(run);
  }

  /** The agent has acknowledged the run: the task is `running`. */
  async started(run: ClaimedRun): Promise<void> {
    const { taskId, teamId, attempt, agentId } = run;
    const queued = { teamId, taskId, attempt, from: ['queued'] as const };
    const change = { task_status: 'running' as const, started_at: new Date() };
    const data = { status: 'running', agent_id: agentId };
    const isCurrent = await this.whenReachable(async () => {
      const moved = await moveTask(this.database.db, queued, change, { event: 'status', data });
      if (moved) this.metrics.started(moved);
      // Or written before the answer of the database was lost.
      return moved !== undefined || this.isRunning(run);
    });
    // Cancelled before this process received the notification.
    if (!isCurrent) {
      this.claimed.abort(run);
      return;
    }
    this.logger.log(`task ${taskId} (${run.workflow}): started on agent ${agentId}, attempt ${attempt}`);
  }

  /** Its agent has the run, and cannot start it yet. */
  async waits({ taskId, teamId, attempt, agentId }: ClaimedRun, reason: string): Promise<void> {
    const queued = { teamId, taskId, attempt, from: ['queued'] as const };
    const data = { status: 'queued', agent_id: agentId, message: storable(reason) };
    await moveTask(this.database.db, queued, {}, { event: 'status', data });
  }

  async progress({ taskId, teamId, attempt }: ClaimedRun, progress: RunProgress): Promise<void> {
    const running = { teamId, taskId, attempt, from: ['running'] as const };
    await moveTask(this.database.db, running, {}, { event: 'progress', data: { ...progress } });
  }

  async completed(
    run: ClaimedRun,
    output: unknown,
    files: readonly StoredOutput[],
    { warnings = [] }: Pick<CompletedReport, 'warnings'> = {},
  ): Promise<void> {
    const claim = this.claimed.claimOf(run);
    if (!claim) return;
    const task_output = JSON.stringify(output ?? null);
    const task_warnings = warnings.map(storable);
    const completed_at = new Date();
    const change = { task_status: 'completed' as const, completed_at, task_output, task_warnings };
    const log = await this.logs.take(run);
    const write = async (db: Db): Promise<TaskRow | undefined> => {
      await log.save(db);
      const data = { status: 'completed', output: output ?? null, agent_id: run.agentId };
      const moved = await this.complete(db, claim, run, { change, data });
      if (!moved) return undefined;
      await saveOutputFiles(db, claim, files);
      this.logger.log(sentenceOf(run, 'completed', moved));
      return moved;
    };
    const isOne = log.isEmpty && files.length === 0;
    const moved = await (isOne ? this.whenReachable(() => write(this.database.db)) : this.written(write));
    log.saved();
    if (moved) this.metrics.runEnded(moved, 'completed');
    this.claimed.remove(run);
  }

  /** Runs again while `max_retries` allows it and it is not final, else `failed`. */
  failed(
    run: ClaimedRun,
    reason: string,
    { is_final = false }: Pick<FailedReport, 'is_final'> = {},
  ): Promise<void> {
    const error = storable(reason);
    return this.end(run, async (tx, claim, task) => {
      const { retry_count, max_retries, agent_id } = task;
      if (retry_count < max_retries && !is_final) {
        const seconds = secondsBeforeRetry(retry_count, run.retry, this.config.runsRetrySeconds);
        const message = `retry ${retry_count + 1} of ${max_retries} in ${seconds} s after: ${error}`;
        const why = { message, seconds, cause: 'failed', error } as const;
        await this.requeue(tx, claim, { retry_count: retry_count + 1 }, why);
        this.logger.log(sentenceOf(run, `failed, and is retried in ${seconds} s`, task));
        return 'retried';
      }
      const change = { task_status: 'failed' as const, completed_at: new Date(), task_error: error };
      const data = { status: 'failed', error, agent_id };
      await moveTask(tx, movable(claim), change, { event: 'failed', data });
      await this.engine.settle(tx, claim, 'done');
      this.logger.log(sentenceOf(run, 'failed', task));
      return 'failed';
    });
  }

  /** The agent or the server was lost: runs again, not counted as a retry, up to a limit. */
  interrupted(run: ClaimedRun): Promise<void> {
    return this.end(run, async (tx, claim, task) => {
      await this.requeueInterrupted(tx, claim, task);
      this.logger.log(sentenceOf(run, 'interrupted', task));
      return 'interrupted';
    });
  }

  /** The agent ends and has given the run back: runs again, counted neither as a retry nor as an interruption. */
  returned(run: ClaimedRun): Promise<void> {
    return this.end(run, async (tx, claim, task) => {
      const returned_count = task.returned_count + 1;
      const message = 'its agent ended and gave the run back; it starts again';
      await this.requeue(tx, claim, { returned_count }, { message, cause: 'returned' });
      this.logger.log(sentenceOf(run, 'given back', task));
      return 'returned';
    });
  }

  /** Runs a task again whose run was lost; nothing happens when the task has gone on meanwhile. */
  async requeueTask(task: TaskRow): Promise<void> {
    const requeued = this.database.db
      .transaction()
      .execute((tx) => this.requeueInterrupted(tx, claimOf(task), task));
    if (await requeued) this.metrics.runEnded(task, 'interrupted');
  }

  /** The tasks that are with an agent, by the state of the database. */
  heldBy(teamId: string, agentId: string): Promise<TaskRow[]> {
    return heldTasks(this.database.db)
      .where('team_id', '=', teamId)
      .where('agent_id', '=', agentId)
      .execute();
  }

  /** Returns whether the task was still with its agent. */
  private async requeueInterrupted(tx: Tx, claim: Claim, task: TaskRow): Promise<boolean> {
    const interrupted_count = claim.attempt - task.retry_count - task.returned_count;
    if (interrupted_count >= INTERRUPTIONS_LIMIT) {
      await failInterrupted(tx, this.engine, claim);
      this.metrics.taskEnded(claim.labels, 'failed');
      return true;
    }
    const message = 'the run was interrupted and starts again';
    return this.requeue(tx, claim, { interrupted_count }, { message, cause: 'interrupted' });
  }

  private async requeue(
    tx: Tx,
    claim: Claim,
    counts: TaskChange,
    { seconds = 0, ...why }: RequeueReason,
  ): Promise<boolean> {
    const task_status = this.waiting.canRun(claim) ? ('pending' as const) : ('waiting' as const);
    const nowhere = { agent_id: null, agent_labels: null, gpu_type: null, node_id: null };
    const change = { ...counts, ...nowhere, task_status, queue_rank: 0 };
    const data = { status: task_status, ...why };
    const moved = await moveTask(tx, movable(claim), change, { event: 'status', data });
    await this.engine.settle(tx, claim, 'again', seconds);
    return moved !== undefined;
  }

  /** Moves a task, settles its claim and counts it for its agent, in one statement. */
  private complete(
    db: Db,
    claim: Claim,
    { teamId, agentId }: ClaimedRun,
    { change, data }: { readonly change: TaskChange; readonly data: NewTaskEvent['data'] },
  ): Promise<TaskRow | undefined> {
    const isMoved = sql<boolean>`exists (select from moved)`;
    return movingTask(db, movable(claim), change, { event: 'completed', data })
      .with('settled', () => sql`(${this.engine.settling(claim, isMoved)})`)
      .with('counted', (query) =>
        query
          .updateTable('connected_agent')
          .set(({ eb }) => ({ tasks_completed: eb('tasks_completed', '+', 1) }))
          .where('team_id', '=', teamId)
          .where('agent_id', '=', agentId)
          .where(isMoved),
      )
      .selectFrom('moved')
      .select(TASK_COLUMNS)
      .executeTakeFirst();
  }

  private async isRunning({ taskId, teamId, attempt }: ClaimedRun): Promise<boolean> {
    const row = await this.database.db
      .selectFrom('task')
      .select('id')
      .where('id', '=', taskId)
      .where('team_id', '=', teamId)
      .where('attempt_count', '=', attempt)
      .where('task_status', '=', 'running')
      .executeTakeFirst();
    return row !== undefined;
  }

  /** A transaction that is repeated while the database is away: what became of a run must not be lost. */
  private written<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    return this.whenReachable(() => this.database.db.transaction().execute(work));
  }

  private whenReachable<Result>(work: () => Promise<Result>): Promise<Result> {
    return whenReachable(work, this.closing.signal);
  }

  /** Calls `work` if the claim is valid and the task is still with the agent. */
  private async end(
    run: ClaimedRun,
    work: (tx: Tx, claim: Claim, task: TaskRow) => Promise<RunEnding>,
  ): Promise<void> {
    const claim = this.claimed.claimOf(run);
    if (!claim) return;
    const log = await this.logs.take(run);
    const end = await this.written(async (tx) => {
      await log.save(tx);
      const task = await heldTasks(tx)
        .where('id', '=', claim.taskId)
        .where('team_id', '=', claim.teamId)
        .where('attempt_count', '=', claim.attempt)
        .forUpdate()
        .executeTakeFirst();
      return task && { task, outcome: await work(tx, claim, task) };
    });
    log.saved();
    if (end) this.metrics.runEnded(end.task, end.outcome);
    this.claimed.remove(run);
  }
}

/** The log line for the end of a run, without its parameters, output and error. */
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
