import { type RawBuilder, sql } from 'kysely';

import type { Db } from '../database/index.js';
import { IDEMPOTENCY_KEY_EXPIRY } from '../tasks/index.js';

/** Rows that one statement removes at most. PGlite answers nothing else meanwhile, for about 0.1 s. */
const BATCH = 1000;
/** The same for events and chunks of logs, which are removed with their tasks. */
const EVENTS_BATCH = 10_000;
/** Rows that are read for the statistics of a table: 300 times as many. */
const STATISTICS = 10;
/** Rows that one statement reads to find the oldest task that is kept. */
const WALK = 10_000;

const before = (days: number): RawBuilder<Date> => sql<Date>`now() - make_interval(days => ${days})`;

/** Statistics without which counting the tasks of a team reads all of them; PGlite has no autovacuum, which makes them. */
export const analyzeTasks = (db: Db): Promise<void> =>
  db.transaction().execute(async (tx) => {
    await sql`set local default_statistics_target = ${sql.lit(STATISTICS)}`.execute(tx);
    await sql`analyze task`.execute(tx);
  });

/** Removes tasks that `choice` orders by age, with what belongs to them. */
async function removeTasks(db: Db, choice: RawBuilder<unknown>): Promise<number> {
  // A task may have any number of them: the batch ends behind the one that reaches the limit.
  const { numAffectedRows } = await sql`delete from task where id in (
    select id from (
      select id, sum(rows) over (order by completed_at, id) - rows as rows_before
      from (
        select oldest.*, last_sequence + coalesce(chunks, 0) as rows
        from (${choice} limit ${sql.lit(BATCH)}) as oldest left join task_log on task_id = id
      ) as oldest
    ) as counted where rows_before < ${sql.lit(EVENTS_BATCH)}
  )`.execute(db);
  return Number(numAffectedRows);
}

/** Removes a batch of the tasks that ended so many days ago. */
export const removeOldTasks = (db: Db, days: number): Promise<number> =>
  removeTasks(
    db,
    sql`select id, last_sequence, completed_at from task where completed_at < ${before(days)} order by completed_at`,
  );

/** Removes a batch of the ended tasks of a team that are older than a task. */
export const removeTasksBefore = (db: Db, teamId: string, id: string): Promise<number> =>
  removeTasks(
    db,
    sql`select id, last_sequence, completed_at from task
      where team_id = ${teamId} and id < ${id} and completed_at is not null order by id`,
  );

/** Id of the oldest of the newest `count` tasks of a team; `undefined` when it has no more. */
export async function oldestOfNewest(db: Db, teamId: string, count: number): Promise<string | undefined> {
  let id: string | undefined;
  for (let left = count; left > 0; left -= WALK) {
    const found = await db
      .selectFrom('task')
      .select('id')
      .where('team_id', '=', teamId)
      .$if(id !== undefined, (older) => older.where('id', '<', id ?? ''))
      .orderBy('id', 'desc')
      .offset(Math.min(left, WALK) - 1)
      .limit(1)
      .executeTakeFirst();
    if (!found) return undefined;
    ({ id } = found);
  }
  return id;
}

/** Removes versions that were replaced so many days ago and that no task has used, and bundles of no definition. */
export async function removeUnusedVersions(db: Db, days: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from workflow_version where (workflow_id, version) in (
    select old.workflow_id, old.version
    from workflow_version as old join workflow on workflow.id = old.workflow_id
    where old.version < workflow.version
      and exists (
        select 1 from workflow_version as newer where newer.workflow_id = old.workflow_id
          and newer.version > old.version and newer.created_at < ${before(days)}
      )
      and not exists (
        select 1 from task where task.workflow_id = old.workflow_id and task.workflow_version = old.version
      )
    limit ${sql.lit(BATCH)}
  )`.execute(db);
  // The hash of a version ends with that of its bundle.
  await sql`delete from bundle where hash not in (
    select split_part(content_hash, ' ', 2) from workflow_version
    union all select bundle_hash from service_definition where bundle_hash is not null and not is_removed
  )`.execute(db);
  return Number(numAffectedRows);
}

/**
 * Removes keys that ended so many days ago. Those made at the first start stay, so that a revoked bootstrap key is not
 * made again, and so does the newest key of a team, which shows that the team had one.
 */
export async function removeEndedKeys(db: Db, days: number): Promise<number> {
  const { numAffectedRows } = await sql`delete from credential where id in (
    select id from credential as ended
    where (revoked_at < ${before(days)} or expires_at < ${before(days)})
      and display_name not in ('bootstrap', 'first key')
      and exists (
        select 1 from credential as newer
        where newer.team_id = ended.team_id and newer.kind = ended.kind and newer.id > ended.id
      )
    limit ${sql.lit(BATCH)}
  )`.execute(db);
  return Number(numAffectedRows);
}

/** Removes a batch of the idempotency keys that have expired. */
export async function removeExpiredIdempotencyKeys(db: Db): Promise<number> {
  // The age is checked twice: a key may be used again between the choice and the removal.
  const { numAffectedRows } =
    await sql`delete from idempotency_key where created_at <= ${IDEMPOTENCY_KEY_EXPIRY}
    and (team_id, key) in (
      select team_id, key from idempotency_key where created_at <= ${IDEMPOTENCY_KEY_EXPIRY} limit ${sql.lit(BATCH)}
    )`.execute(db);
  return Number(numAffectedRows);
}
