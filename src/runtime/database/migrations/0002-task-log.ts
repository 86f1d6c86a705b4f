import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `alter table task add column task_warnings text[] not null default '{}'`,
  `create table task_log (
    task_id uuid primary key,
    team_id uuid not null,
    log text not null,
    foreign key (team_id, task_id) references task (team_id, id) on delete cascade
  )`,
];

/** What the last run of a task wrote, apart from the task: lists of tasks have no use for it. */
export const lastLog: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
