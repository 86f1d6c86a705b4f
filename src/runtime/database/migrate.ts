import { sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';

import { packageVersion, StartError } from '../../config/index.js';
import { damaged } from './database-folder.js';
import { initial } from './migrations/0001-initial.js';
import { lastLog } from './migrations/0002-task-log.js';
import { bundles } from './migrations/0003-bundles.js';
import { nodes } from './migrations/0004-nodes.js';
import { idempotency } from './migrations/0005-idempotency.js';
import { taskLists } from './migrations/0007-task-lists.js';
import { growth } from './migrations/0008-growth.js';
import { logs } from './migrations/0009-logs.js';
import { services } from './migrations/0010-services.js';
import { returnedRuns } from './migrations/0012-returned-runs.js';
import { appliedWorkflows } from './migrations/0013-applied-workflows.js';
import { storedFiles } from './migrations/0014-stored-files.js';
import { fairQueue } from './migrations/0015-fair-queue.js';
import { fileLinks } from './migrations/0016-file-links.js';
import { kindsOfFiles } from './migrations/0017-kinds-of-files.js';
import { taskTraces } from './migrations/0019-task-traces.js';
import type { Db } from './schema.js';

/** Every migration by name, in order; names and contents of released migrations never change. */
const MIGRATIONS: Record<string, Migration> = {
  '0001-initial': initial,
  '0002-task-log': lastLog,
  '0003-bundles': bundles,
  '0004-nodes': nodes,
  '0005-idempotency': idempotency,
  '0007-task-lists': taskLists,
  '0008-growth': growth,
  '0009-logs': logs,
  '0010-services': services,
  '0012-returned-runs': returnedRuns,
  '0013-applied-workflows': appliedWorkflows,
  '0014-stored-files': storedFiles,
  '0015-fair-queue': fairQueue,
  '0016-file-links': fileLinks,
  '0017-kinds-of-files': kindsOfFiles,
  '0019-task-traces': taskTraces,
};

/** The migrations of a database, compared with those of this version. */
export interface MigrationState {
  /** Names of those that are done. */
  readonly done: readonly string[];
  readonly pending: readonly string[];
  /** Done by a newer version. */
  readonly unknown: readonly string[];
}

/** Reads which migrations are done; nothing is changed. */
export async function migrationState(db: Db): Promise<MigrationState> {
  const { rows } = await sql<{ is_there: boolean }>`
    select to_regclass('kysely_migration') is not null as is_there`.execute(db);
  const found = rows[0]?.is_there
    ? await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
    : { rows: [] };
  const done = found.rows.map(({ name }) => name);
  const known = Object.keys(MIGRATIONS);
  return {
    done,
    pending: known.filter((name) => !done.includes(name)),
    unknown: done.filter((name) => !known.includes(name)),
  };
}

/**
 * Brings the tables up to date. On a server a lock of the database keeps nodes that start together from migrating at the
 * same time.
 *
 * @param folder of an embedded database; `undefined` for a server.
 * @throws {StartError} when a newer version has written them, or they cannot be read or written.
 */
export async function migrate(db: Db, folder?: string): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const reason = error instanceof Error ? error.message : 'an unknown error';
  const isNewer = reason.includes('previously executed migration');
  if (folder === undefined)
    throw new StartError(isNewer ? NEWER_ON_SERVER : refused(reason), { cause: error });
  if (!isNewer) throw damaged(folder, reason, error);
  throw new StartError(
    `The database ${folder} was written by a newer version of cyberun-mcp than ${packageVersion}. Start that version, or set CYBERUN_DATA_DIR to another folder.`,
    { cause: error },
  );
}

const NEWER_ON_SERVER = `The database of CYBERUN_DATABASE_URL was written by a newer version of cyberun-mcp than ${packageVersion}. Start that version, or name another database.`;

const refused = (reason: string): string =>
  `The tables in the database of CYBERUN_DATABASE_URL cannot be made or changed: ${reason}. Give its user the right to create tables and schemas there.`;
