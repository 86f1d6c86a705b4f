import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  // Each kind of file is kept for a time of its own: the sweep reads the rows of one kind, and no others.
  `create index stored_file_by_kind on stored_file (split_part(file_key, '/', 1), created_at)`,
  `drop index stored_file_by_time`,
  // The room of the answers of a team, and the oldest of them.
  `create index stored_answer_of_team on stored_file (team_id, created_at, file_key)
    where split_part(file_key, '/', 1) = 'answers'`,
];

/** For the sweep, and for the room of answers of services. */
export const kindsOfFiles: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
