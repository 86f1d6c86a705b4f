import { sql } from 'kysely';

import type { LogChunk } from '../../contract/index.js';
import { type Db, storable, type Tx } from '../database/index.js';

/** A run whose log is stored. */
export interface LoggedRun {
  readonly taskId: string;
  readonly teamId: string;
  readonly attempt: number;
}

/** Beside its text a chunk takes this much of what is kept. */
const CHUNK_COST = 100;
/** Logs that are smaller are not removed before their task: the note in their place takes as much. */
const NOTE_BYTES = 200;
/** Logs and chunks that one statement removes at most. */
const LOGS_BATCH = 100;
const CHUNKS_BATCH = 2000;

/** What is kept of the log of a task. */
export interface KeptLog {
  readonly task_id: string;
  readonly team_id: string;
  readonly cost: number;
}

export const rowsOf = ({ taskId, teamId, attempt }: LoggedRun, chunks: readonly LogChunk[]) =>
  chunks.map(({ line, step, stream, time, text }) => {
    const stored = storable(text);
    return {
      task_id: taskId,
      team_id: teamId,
      attempt,
      line,
      line_count: stored.split('\n').length,
      step: storable(step),
      stream,
      written_at: new Date(time).toISOString(),
      bytes: Buffer.byteLength(stored),
      text: stored,
    };
  });
export type LogRows = ReturnType<typeof rowsOf>;

/**
 * Writes chunks of any tasks and notifies their readers. A chunk that is stored already, as when an agent sends it to a
 * second node, and one of an earlier run than the current one are left out.
 */
export async function insertChunks(db: Db, rows: LogRows): Promise<readonly KeptLog[]> {
  const { rows: kept } = await sql<KeptLog>`with given as (
      select * from json_to_recordset(${JSON.stringify(rows)}::json) as given(task_id uuid, team_id uuid, attempt integer,
        line bigint, line_count integer, step text, stream text, written_at timestamptz, bytes integer, text text)
    ), fresh as (
      select given.* from given
      join task on task.id = given.task_id and task.team_id = given.team_id and task.attempt_count = given.attempt
      left join task_log on task_log.task_id = given.task_id
      where task_log.task_id is null
        or (given.attempt, given.line) > (task_log.last_attempt, task_log.last_line)
    ), kept as (
      insert into task_log (task_id, team_id, bytes, chunks, last_attempt, last_line)
      select task_id, team_id, sum(bytes), count(*), max(attempt), max(line) from fresh
      group by task_id, team_id order by task_id
      on conflict (task_id) do update set bytes = task_log.bytes + excluded.bytes,
        chunks = task_log.chunks + excluded.chunks,
        last_attempt = excluded.last_attempt, last_line = excluded.last_line
      returning task_id, team_id, bytes + ${CHUNK_COST}::integer * chunks as cost
    ), written as (
      insert into task_log_chunk
        (task_id, team_id, attempt, line, line_count, step, stream, written_at, bytes, text)
      select task_id, team_id, attempt, line, line_count, step, stream, written_at, bytes, text from fresh
      on conflict do nothing
    ), notified as (
      select pg_notify('task_log', string_agg(task_id::text, ',')) from kept having count(*) > 0
    ) select task_id, team_id, cost::double precision as cost from kept left join notified on true`.execute(
    db,
  );
  return kept;
}

/** Drops the oldest chunks of a task until so much is left; a note says how many lines are gone. */
export async function trimLog(tx: Tx, taskId: string, left: number, limit: number): Promise<void> {
  const { rows } = await sql<{
    attempt: number;
    line: number;
    bytes: number;
    chunks: number;
  }>`with ranked as (
      select attempt, line, sum(bytes + ${CHUNK_COST}::integer) over (order by attempt desc, line desc) as cost
      from task_log_chunk where task_id = ${taskId}
    ), gone as (
      delete from task_log_chunk as chunk using ranked
      where chunk.task_id = ${taskId} and chunk.attempt = ranked.attempt and chunk.line = ranked.line
        and ranked.cost > ${left}
      returning chunk.attempt, chunk.line, chunk.line_count, chunk.bytes
    ) select attempt, line + line_count - 1 as line, (sum(bytes) over ())::integer as bytes,
        (count(*) over ())::integer as chunks
      from gone order by attempt desc, gone.line desc limit 1`.execute(tx);
  const [gone] = rows;
  if (!gone) return;
  const which =
    gone.attempt === 1
      ? `The first ${gone.line} lines`
      : `The first ${gone.line} lines of run ${gone.attempt}, and the log of the runs before,`;
  const note = `[${which} were dropped: at most ${limit} bytes of log are kept of a task (CYBERUN_TASKS_LOG_BYTES)]`;
  await writeNote(tx, taskId, gone, note);
  await sql`update task_log set bytes = bytes - ${gone.bytes}::integer + ${note.length}::integer,
    chunks = chunks - ${gone.chunks}::integer + 1 where task_id = ${taskId}`.execute(tx);
}

async function writeNote(
  tx: Tx,
  taskId: string,
  { attempt, line }: { readonly attempt: number; readonly line: number },
  note: string,
): Promise<void> {
  await sql`insert into task_log_chunk
      (task_id, team_id, attempt, line, line_count, step, stream, written_at, bytes, text)
    select task_id, team_id, ${attempt}::integer, ${line}::bigint, 1, '', 'system', now(), ${note.length}::integer, ${note}
    from task_log where task_id = ${taskId}`.execute(tx);
}

/** Removes a batch of the logs of tasks that ended so many days ago; returns their number. */
export const removeOldLogs = (db: Db, days: number): Promise<number> =>
  removeLogs(
    db,
    `[The log was removed: it is kept for ${days} days after the end of a task (CYBERUN_TASKS_LOG_DAYS)]`,
    sql`select task_log.task_id, chunks from task_log join task on task.id = task_log.task_id
      where completed_at < now() - make_interval(days => ${days}) and bytes > ${NOTE_BYTES}
      order by completed_at`,
  );

/** Removes a batch of the logs of the oldest ended tasks of a team that has more than `limit`; returns their number. */
export async function removeTeamLogs(db: Db, teamId: string, limit: number): Promise<number> {
  const { cost } = await db
    .selectFrom('task_log')
    .select(
      sql<number>`coalesce(sum(bytes + ${CHUNK_COST}::integer * chunks), 0)::double precision`.as('cost'),
    )
    .where('team_id', '=', teamId)
    .executeTakeFirstOrThrow();
  if (cost <= limit) return 0;
  return removeLogs(
    db,
    `[The log was removed: at most ${limit} bytes of log are kept of a team (CYBERUN_TEAM_LOG_BYTES)]`,
    sql`select task_id, chunks from (
        select task_log.task_id, chunks, sum(bytes + ${CHUNK_COST}::integer * chunks) over (order by task_log.task_id)
          - bytes - ${CHUNK_COST}::integer * chunks as cost_before
        from task_log join task on task.id = task_log.task_id
        where task_log.team_id = ${teamId} and completed_at is not null and bytes > ${NOTE_BYTES}
      ) as ended where cost_before < ${cost - limit} order by task_id`,
  );
}

/** Removes logs that `choice` orders by age, with their chunks; a note takes the place of each. */
function removeLogs(db: Db, note: string, choice: ReturnType<typeof sql>): Promise<number> {
  return db.transaction().execute(async (tx) => {
    // A log may have any number of chunks: the batch ends behind the one that reaches the limit.
    const { rows } = await sql<{ task_id: string }>`select task_id from (
        select task_id, sum(chunks) over (rows between unbounded preceding and current row) - chunks as chunks_before
        from (${choice} limit ${sql.lit(LOGS_BATCH)}) as oldest
      ) as counted where chunks_before < ${sql.lit(CHUNKS_BATCH)}`.execute(tx);
    for (const { task_id } of rows) {
      await tx.deleteFrom('task_log_chunk').where('task_id', '=', task_id).execute();
      const { last_attempt: attempt, last_line: line } = await tx
        .updateTable('task_log')
        .set({ bytes: note.length, chunks: 1 })
        .where('task_id', '=', task_id)
        .returning(['last_attempt', 'last_line'])
        .executeTakeFirstOrThrow();
      await writeNote(tx, task_id, { attempt, line }, note);
    }
    return rows.length;
  });
}
