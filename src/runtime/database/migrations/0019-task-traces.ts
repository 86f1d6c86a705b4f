import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What a task was submitted as part of; null without a trace, and in tasks of earlier versions. */
export const taskTraces: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`alter table task add column trace_context json`.execute(db);
  },
};
