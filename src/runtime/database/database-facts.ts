import { sql } from 'kysely';

import { type MigrationState, migrationState } from './migrate.js';
import type { Db } from './schema.js';

/** What a database says about itself. */
export interface DatabaseFacts {
  /** Of PostgreSQL, as in `17.4`. */
  readonly version: string;
  readonly migrations: MigrationState;
  /** How far its clock is ahead of that of this process. */
  readonly clockAheadMs: number;
}

/** Asks a database; nothing is changed. */
export async function readDatabaseFacts(db: Db): Promise<DatabaseFacts> {
  const askedAt = Date.now();
  const { rows } = await sql<{ version: string; now_ms: number }>`
    select current_setting('server_version') as version,
      (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`.execute(db);
  const middle = (askedAt + Date.now()) / 2;
  const { version = '', now_ms = middle } = rows[0] ?? {};
  return {
    version: version.split(' ')[0] ?? '',
    migrations: await migrationState(db),
    clockAheadMs: Math.round(now_ms - middle),
  };
}

/** What the user of a server may not do there and the runtime needs, a part of a sentence each. */
export async function missingRights(db: Db, { pending }: MigrationState): Promise<string[]> {
  const { rows } = await sql<{ place: string; makes_tables: boolean; makes_queue: boolean }>`
    select coalesce(current_schema(), 'public') as place,
      coalesce(has_schema_privilege(current_schema(), 'create'), false) as makes_tables,
      to_regnamespace('pgboss') is not null
        or has_database_privilege(current_database(), 'create') as makes_queue`.execute(db);
  const { place = 'public', makes_tables = false, makes_queue = false } = rows[0] ?? {};
  const missing = makes_queue ? [] : ['may not make the schema of the queue (CREATE on the database)'];
  if (pending.length > 0 && !makes_tables)
    missing.push(`may not make tables (CREATE on the schema ${place})`);
  return [...missing, ...(await closedTables(db, pending.length > 0))];
}

/** Those of our tables that another user made and keeps to itself, as {@link missingRights}. */
export async function closedTables(db: Db, mustChange: boolean): Promise<string[]> {
  // By name: a look-up of a table needs rights on its schema.
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class join pg_namespace as place on place.oid = relnamespace
    where ((place.nspname = current_schema()
          and relname in ('kysely_migration', 'team', 'task', 'task_event'))
        or (place.nspname = 'pgboss' and relname = 'job'))
      and not (has_table_privilege(pg_class.oid, 'select') and has_table_privilege(pg_class.oid, 'insert')
        and has_table_privilege(pg_class.oid, 'update') and has_table_privilege(pg_class.oid, 'delete')
        and (not ${mustChange}::boolean or pg_has_role(relowner, 'usage')))`.execute(db);
  return rows.map(({ name }) => `may not use or change the table ${name}`);
}
