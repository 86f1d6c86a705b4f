import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Lists of the tasks of one workflow, newest first. */
export const taskLists: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create index task_of_workflow on task (team_id, workflow_id, id)`.execute(db);
  },
};
