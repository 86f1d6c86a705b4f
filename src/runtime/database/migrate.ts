import { type Migration, Migrator } from 'kysely/migration';

import { initial } from './migrations/0001-initial.js';
import { taskLog } from './migrations/0002-task-log.js';
import type { Db } from './schema.js';

/** Every migration by name, in the order they run; a name never changes once released. */
const MIGRATIONS: Record<string, Migration> = { '0001-initial': initial, '0002-task-log': taskLog };

/** Brings the tables up to date. */
export async function migrate(db: Db): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw new Error('the database could not be brought up to date', { cause: error });
}
