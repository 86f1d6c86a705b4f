import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `alter table task add column parameters_bytes integer not null default 0`,
  `create index task_by_end on task (completed_at) where completed_at is not null`,
  `create index task_of_version on task (workflow_id, workflow_version)`,
];

/** For the limits of a team, and to find the tasks that ended long ago and the workflow versions that no task uses. */
export const growth: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
