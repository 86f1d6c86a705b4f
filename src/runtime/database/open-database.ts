import { type Database, type DatabaseSettings } from './database.js';
import type { ServerFacts } from './database-server.js';

/**
 * The database that the settings name: the server of CYBERUN_DATABASE_URL, else the one in the data folder. Both lock the
 * folder for this process.
 *
 * @throws {StartError} when it cannot be used.
 */
export async function openDatabase({ databaseUrl, dataDir }: DatabaseSettings): Promise<Database> {
  if (databaseUrl !== undefined) return openServer(databaseUrl, dataDir);
  const { EmbeddedDatabase } = await import('./embedded-database.js');
  return EmbeddedDatabase.open(dataDir);
}

/** Like {@link openDatabase}, for a command that runs beside the nodes of a server. */
export async function openCommandDatabase(settings: DatabaseSettings): Promise<Database> {
  const { databaseUrl } = settings;
  return databaseUrl === undefined ? openDatabase(settings) : openServer(databaseUrl);
}

/**
 * Looks at the server that the settings name, and changes nothing; every wait is short.
 *
 * @throws {StartError} when it cannot be used.
 */
export async function inspectDatabaseServer(url: string): Promise<ServerFacts> {
  const { DatabaseServer } = await import('./database-server.js');
  return DatabaseServer.inspect(url);
}

/** The driver is loaded only where it is used. */
async function openServer(url: string, dataDir?: string): Promise<Database> {
  const { DatabaseServer } = await import('./database-server.js');
  return DatabaseServer.open(url, dataDir);
}
