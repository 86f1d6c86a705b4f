import { type RawBuilder, sql } from 'kysely';

/** A claimed job as {@link claimJobs} returns it. */
export interface ClaimedJob {
  readonly id: string;
  /** From 1; counts how often the job was claimed. */
  readonly attempt: number;
  readonly priority: number;
}

/** A statement that may be a part of a larger one. */
export type StatementPart<Row = Record<string, unknown>> = RawBuilder<Row>;

// What pg-boss does for `send`, `fetch` and `complete`, in statements that can be a part of a larger one: a task and its
// job change in one round trip, without a transaction around several. The table has the jobs of all queues without a
// partition of their own. A test compares the rows with those of pg-boss.

/**
 * Adds the jobs of tasks.
 *
 * @param tasks a query for their `id` and `rank`.
 */
export const insertJobs = (queue: string, tasks: StatementPart): StatementPart => sql`
  insert into pgboss.job_common (id, name, priority, start_after, created_on, keep_until, policy, expire_seconds,
    deletion_seconds, retry_limit, retry_delay, retry_backoff, retry_delay_max)
  select task.id, ${queue}, -task.rank, pgboss.job_now(), pgboss.job_now(),
    pgboss.job_now() + make_interval(secs => queue.retention_seconds), queue.policy, queue.expire_seconds,
    queue.deletion_seconds, queue.retry_limit, queue.retry_delay, queue.retry_backoff, queue.retry_delay_max
  from (${tasks}) as task left join pgboss.queue on queue.name = ${queue}`;

/**
 * Claims up to `limit` jobs, by priority; those that others are just claiming are passed over. The choice is materialized,
 * since a plan that made it once per job would claim more. Its ids are compared as an array: a join may be planned, while
 * the table is small, as one that reads every job of the queue, and that plan is kept.
 */
export const claimJobs = (queue: string, limit: number): StatementPart<ClaimedJob> => sql<ClaimedJob>`
  with next as materialized (
    select id from pgboss.job_common where name = ${queue} and state < 'active' and not blocked
      and start_after <= pgboss.job_now()
    order by priority desc, created_on limit ${sql.lit(limit)} for update skip locked
  )
  update pgboss.job_common as job set state = 'active', started_on = pgboss.job_now(),
    heartbeat_on = pgboss.job_now(),
    retry_count = case when started_on is null then retry_count else retry_count + 1 end
  where job.name = ${queue} and job.id = any(array(select id from next))
  returning job.id, job.retry_count + 1 as attempt, job.priority`;

/**
 * Ends a job of which this is still the valid claim.
 *
 * @param condition must be true, too.
 */
export const completeJob = (
  queue: string,
  { taskId, attempt }: { readonly taskId: string; readonly attempt: number },
  condition: RawBuilder<boolean>,
): StatementPart => sql`
  update pgboss.job_common set state = 'completed', completed_on = pgboss.job_now()
  where name = ${queue} and id = ${taskId} and state = 'active' and retry_count = ${attempt - 1} and ${condition}`;
