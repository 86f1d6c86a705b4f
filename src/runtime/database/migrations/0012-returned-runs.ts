import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Runs that an ending agent gave back are no interruptions. */
export const returnedRuns: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql.raw('alter table task add column returned_count integer not null default 0').execute(db);
  },
};
