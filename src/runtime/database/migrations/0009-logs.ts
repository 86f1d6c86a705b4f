import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `alter table task_log rename to former_task_log`,
  `create table task_log (
    task_id uuid primary key,
    team_id uuid not null,
    bytes bigint not null,
    chunks integer not null,
    last_attempt integer not null,
    last_line bigint not null,
    foreign key (team_id, task_id) references task (team_id, id) on delete cascade
  )`,
  `create index task_log_of_team on task_log (team_id, task_id) include (bytes, chunks)`,
  `create table task_log_chunk (
    task_id uuid not null references task_log on delete cascade,
    team_id uuid not null,
    attempt integer not null,
    line bigint not null,
    line_count integer not null,
    step text not null,
    stream text not null,
    written_at timestamptz not null,
    bytes integer not null,
    text text not null,
    primary key (task_id, attempt, line)
  )`,
  `with former as (
    select task_id, former_task_log.team_id, greatest(attempt_count, 1) as attempt, coalesce(completed_at, now()) as written_at,
      rtrim(log, chr(10)) as text
    from former_task_log join task on task.id = task_id where rtrim(log, chr(10)) <> ''
  ), logs as (
    insert into task_log (task_id, team_id, bytes, chunks, last_attempt, last_line)
    select task_id, team_id, octet_length(text), 1, attempt, 1 from former
  ) insert into task_log_chunk (task_id, team_id, attempt, line, line_count, step, stream, written_at, bytes, text)
    select task_id, team_id, attempt, 1, 1 + length(text) - length(replace(text, chr(10), '')), '', 'stdout', written_at,
      octet_length(text), text from former`,
  `drop table former_task_log`,
];

/** The log of every run of a task in chunks, where before only the end of the last run's log was kept. */
export const logs: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
