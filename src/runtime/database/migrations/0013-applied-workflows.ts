import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Whether a workflow comes from the folder of a node or from the command `apply`. */
export const appliedWorkflows: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`alter table workflow add column source text not null default 'folder'`.execute(db);
  },
};
