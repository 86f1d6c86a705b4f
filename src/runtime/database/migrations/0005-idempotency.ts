import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  // The task is not a foreign key: a key outlives a task that is removed before it.
  `create table idempotency_key (
    team_id uuid not null references team,
    key text not null,
    request_hash text not null,
    task_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (team_id, key)
  )`,
  `create index idempotency_key_by_age on idempotency_key (created_at)`,
];

/** The task that was made for each Idempotency-Key. */
export const idempotency: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
