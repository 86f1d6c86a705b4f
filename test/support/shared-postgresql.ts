import { createHash } from 'node:crypto';

import { updateTables } from '../../src/runtime/index.js';
import { createDatabase, PostgresqlServer } from './postgresql-server.js';

let server: PostgresqlServer | undefined;

/** A database with empty tables, which every server would have to make. */
const TABLES = 'tables';

/** Vitest's global setup: one PostgreSQL for all files of a project. */
export async function setup(): Promise<void> {
  server = await PostgresqlServer.start();
  const adminUrl = server.urlOf('postgres');
  await createDatabase(adminUrl, TABLES);
  await updateTables({ databaseUrl: server.urlOf(TABLES), dataDir: '' });
  process.env['TEST_DATABASE_ADMIN_URL'] = adminUrl;
}

export async function teardown(): Promise<void> {
  await server?.[Symbol.asyncDispose]();
}

/**
 * The settings of the database of a runtime: in the project `postgresql` a database of the shared server, the same one for
 * the same folder; elsewhere none, so that the runtime uses PGlite.
 */
export const databaseSettings = (folder: string): Promise<Record<string, string>> =>
  settingsOf(folder, TABLES);

/** The same of a database without tables. */
export const emptyDatabaseSettings = (folder: string): Promise<Record<string, string>> => settingsOf(folder);

async function settingsOf(folder: string, template?: string): Promise<Record<string, string>> {
  const adminUrl = process.env['TEST_DATABASE'] === 'postgresql' && process.env['TEST_DATABASE_ADMIN_URL'];
  if (!adminUrl) return {};
  const name = `test_${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
  await createDatabase(adminUrl, name, template).catch((error: { code?: string }) => {
    if (error.code !== '42P04') throw error;
  });
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return { CYBERUN_DATABASE_URL: url.href };
}
