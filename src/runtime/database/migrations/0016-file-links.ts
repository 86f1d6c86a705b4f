import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  // Outputs of versions that kept no such rows; they count as files of their team from now on.
  `insert into stored_file (file_key, team_id, file_size, is_confirmed, created_at)
    select file_key, task_file.team_id, file_size, true, completed_at
    from task_file join task on task.id = task_file.task_id
    where completed_at is not null
    on conflict do nothing`,
  `alter table stored_file add column link_id uuid not null default gen_random_uuid()`,
  `create unique index stored_file_by_link on stored_file (link_id)`,
];

/** The name of a file in short links. */
export const fileLinks: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
