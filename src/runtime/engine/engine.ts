import { AsyncLocalStorage } from 'node:async_hooks';

import { Injectable, Logger } from '@nestjs/common';
import { type Expression, type RawBuilder, sql } from 'kysely';
import { type ConstructorOptions, type Db as BossDb, fromKysely, fromPglite, PgBoss } from 'pg-boss';

import { Database, type Db, logFailure, type Tx, withoutDatabase } from '../database/index.js';
import { claimJobs, type ClaimedJob, completeJob, insertJobs, type StatementPart } from './job-statements.js';

/** The labels that a task requires, and the team whose agents may run it. */
export interface WorkRequirement {
  readonly teamId: string;
  readonly labels: readonly string[];
}

/** A claimed job. `attempt` fences it: once the job is claimed again, the old claim is void. */
export interface Claim extends WorkRequirement {
  /** Job and task share their id. */
  readonly taskId: string;
  /** From 1; counts how often the job was claimed. */
  readonly attempt: number;
}

/** `done`: no further run is needed; `again`: the job can be claimed again. */
export type Outcome = 'done' | 'again';

/** Before every rank of {@link Engine.enqueue}. */
const FRONT_OF_QUEUE = 0;

/** Longest time pg-boss lets a job be active; the limit of a run is shorter. */
const DAY_SECONDS = 86_400;

const QUEUE = {
  // The task counts its retries, so the queue itself has no limit.
  retryLimit: 1_000_000,
  retryDelay: 0,
  expireInSeconds: DAY_SECONDS,
  // A task without an eligible agent waits without limit.
  retentionSeconds: 3650 * DAY_SECONDS,
  deleteAfterSeconds: 3600,
};

const attemptOf = ({ taskId, attempt }: Claim): { id: string; retryCount: number } => ({
  id: taskId,
  retryCount: attempt - 1,
});

/**
 * The queue of the runtime, on pg-boss, which no other file imports. Enqueue, claim, settle and cancel are parts of a
 * statement of the caller or run inside its transaction, so that a task and its job always agree.
 */
@Injectable()
export class Engine {
  private readonly logger = new Logger('Queue');
  private readonly boss: PgBoss;
  /** Every query of pg-boss during a call joins the transaction of the call. */
  private readonly transaction = new AsyncLocalStorage<BossDb>();
  private readonly queues = new Set<string>();
  private readonly isShared: boolean;

  private readonly db: Db;

  constructor(database: Database) {
    this.db = database.db;
    const { outside, backend } = withoutTransaction(database);
    this.isShared = 'pool' in database.driver;
    this.boss = new PgBoss({
      ...backend,
      db: { executeSql: (text, values) => (this.transaction.getStore() ?? outside).executeSql(text, values) },
      schedule: false,
      superviseIntervalSeconds: 30,
      // Removes the jobs of ended tasks, `deleteAfterSeconds` after their end; the default is once a day.
      maintenanceIntervalSeconds: 300,
      registerInstance: false,
      monitorVacuum: false,
      reindex: false,
      openTelemetry: { enabled: false },
    });
    this.boss.on('error', (error) => logFailure(this.logger, 'the queue could not be maintained', error));
  }

  async start(): Promise<void> {
    await this.boss.start();
    for (const { name, heartbeatSeconds } of await this.boss.getQueues()) {
      this.queues.add(name);
      // Of an earlier version: nodes have heartbeats now, and jobs none.
      if (heartbeatSeconds) await this.boss.updateQueue(name, { heartbeatSeconds: null });
    }
  }

  /** Reads the queues that other nodes have created; an embedded database has no other nodes. */
  async refresh(): Promise<void> {
    if (!this.isShared) return;
    for (const { name } of await this.boss.getQueues()) this.queues.add(name);
  }

  async stop(): Promise<void> {
    await this.boss.stop({ graceful: false, close: false });
  }

  /** Creates the queue of a requirement; to be called before the transaction that enqueues its first job. */
  async prepare(requirement: WorkRequirement): Promise<void> {
    const name = queueName(requirement);
    if (this.queues.has(name)) return;
    await this.boss.createQueue(name, QUEUE);
    this.queues.add(name);
  }

  /** @param rank from 1; jobs of a lower rank are claimed first, and those of equal rank in the order of their arrival. */
  async enqueue(tx: Tx, taskId: string, requirement: WorkRequirement, rank: number): Promise<void> {
    await this.enqueuing(requirement, sql`select ${taskId}::uuid as id, ${rank}::integer as rank`).execute(
      tx,
    );
  }

  /**
   * The part of a statement that enqueues the jobs of tasks.
   *
   * @param tasks a query for their `id` and `rank`.
   */
  enqueuing(requirement: WorkRequirement, tasks: StatementPart): StatementPart {
    return insertJobs(queueName(requirement), tasks);
  }

  /** Makes a job that was just enqueued one that has been claimed so often. */
  async countRuns(tx: Tx, taskId: string, requirement: WorkRequirement, count: number): Promise<void> {
    await sql`update pgboss.job set retry_count = ${count}
      where name = ${queueName(requirement)} and id = ${taskId}`.execute(tx);
  }

  /** The part of a statement that takes up to `limit` jobs of a queue, by rank. */
  claiming(queue: WorkRequirement, limit: number): StatementPart<ClaimedJob> {
    return claimJobs(queueName(queue), limit);
  }

  /** The queues that have a job to claim; one statement, however long the queues are. */
  async claimable(): Promise<WorkRequirement[]> {
    const { rows } = await sql<{ name: string }>`
      select name from unnest(${[...this.queues]}::text[]) as queue(name) where exists (
        select from pgboss.job where job.name = queue.name and state < 'active' and not blocked
          and start_after <= pgboss.job_now())`.execute(this.db);
    return rows.map(({ name }) => requirementOf(name));
  }

  /** Seconds until a job that waits for its start time can be claimed, by task; the others are left out. */
  async delays(
    jobs: readonly (WorkRequirement & { readonly taskId: string })[],
  ): Promise<Map<string, number>> {
    const names = jobs.map((job) => queueName(job));
    const ids = jobs.map(({ taskId }) => taskId);
    const { rows } = await sql<{ id: string; seconds: number }>`
      select job.id, extract(epoch from start_after - pgboss.job_now())::float8 as seconds
      from unnest(${names}::text[], ${ids}::uuid[]) as asked(name, id)
        join pgboss.job as job on job.name = asked.name and job.id = asked.id
      where state < 'active' and start_after > pgboss.job_now()`.execute(this.db);
    return new Map(rows.map(({ id, seconds }) => [id, seconds]));
  }

  /**
   * Ends a claim; a claim that is no longer valid is left alone.
   *
   * A job that is to run `again` has had its turn, and goes to the front of its queue.
   *
   * @param afterSeconds delay, by the clock of the database, before a job that is to run `again` can be claimed.
   */
  async settle(tx: Tx, claim: Claim, outcome: Outcome, afterSeconds = 0): Promise<void> {
    if (outcome === 'done') {
      await this.settling(claim, sql<boolean>`true`).execute(tx);
      return;
    }
    const name = queueName(claim);
    await this.within(tx, async () => {
      await this.boss.fail(name, attemptOf(claim));
      const next = { id: claim.taskId, priority: FRONT_OF_QUEUE };
      await this.boss.update(name, undefined, {
        ...next,
        ...(afterSeconds > 0 && { startAfter: afterSeconds }),
      });
    });
  }

  /** The part of a statement that settles a claim as done, if the condition holds. */
  settling(claim: Claim, condition: RawBuilder<boolean>): StatementPart {
    return completeJob(queueName(claim), claim, condition);
  }

  /**
   * Withdraws a job, claimed or not. A job that is just being claimed is left: its claim waits for the task, which this
   * transaction has changed, and then finds that the task has ended. Waiting for the job here would be a deadlock.
   */
  async cancel(tx: Tx, taskId: string, requirement: WorkRequirement): Promise<void> {
    const name = queueName(requirement);
    const { rows } = await sql`select 1 from pgboss.job where name = ${name} and id = ${taskId}
      for update skip locked`.execute(tx);
    if (rows.length > 0) await this.within(tx, () => this.boss.cancel(name, taskId));
  }

  private within<Result>(tx: Tx, work: () => Promise<Result>): Promise<Result> {
    return this.transaction.run(fromKysely(tx), work);
  }
}

/** The connection of pg-boss outside transactions, and the backend that it must know of. */
function withoutTransaction({ driver }: Database): {
  readonly outside: BossDb;
  readonly backend: Pick<ConstructorOptions, 'backend'>;
} {
  if ('pglite' in driver) return { outside: fromPglite(driver.pglite), backend: { backend: 'pglite' } };
  const { pool } = driver;
  const executeSql: BossDb['executeSql'] = (text, values) => withoutDatabase(pool.query(text, values));
  return { outside: { executeSql }, backend: {} };
}

/** One queue per team and set of labels; the name contains both. */
export const queueName = ({ teamId, labels }: WorkRequirement): string =>
  [teamId, ...[...new Set(labels)].sort()].join('/');

/** Condition: the job of a task waits for its start time. */
export const isDelayed = (queue: WorkRequirement, taskId: Expression<unknown>): RawBuilder<boolean> =>
  sql`exists (select from pgboss.job where job.name = ${queueName(queue)} and job.id = ${taskId}
    and job.start_after > pgboss.job_now())`;

/** The requirement of the jobs in a queue. */
export function requirementOf(name: string): WorkRequirement {
  const [teamId = '', ...labels] = name.split('/');
  return { teamId, labels };
}

/** Whether an agent has every label that is required, in the same team. */
export const isEligible = (agent: WorkRequirement, required: WorkRequirement): boolean =>
  agent.teamId === required.teamId && required.labels.every((label) => agent.labels.includes(label));
