import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table stored_file (
    file_key text primary key,
    team_id uuid not null references team (id) on delete cascade,
    file_size bigint not null,
    folder_id text,
    is_confirmed boolean not null default false,
    created_at timestamptz not null default now()
  )`,
  `create index stored_file_of_team on stored_file (team_id) include (file_size)`,
  `create index stored_file_by_time on stored_file (created_at)`,
  `create index stored_file_unconfirmed on stored_file (created_at) where not is_confirmed`,
  `alter table runtime_node add column folder_id text`,
  `create table shared_secret (secret_name text primary key, secret_value text not null)`,
];

/** For the file bytes of a team, and for nodes that keep files in their folders. */
export const storedFiles: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
