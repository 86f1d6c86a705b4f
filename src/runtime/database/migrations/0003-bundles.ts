import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Files beside a workflow's definition, packed; workflow versions name them by hash. */
export const bundles: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create table bundle (
      hash text primary key,
      archive bytea not null,
      created_at timestamptz not null default now()
    )`.execute(db);
  },
};
