import { type DatabaseSettings, openCommandDatabase } from '../database/index.js';
import { Engine } from './engine.js';

/**
 * Makes the tables of the runtime and of its queue, or brings them up to date, as a node does at its start. Several
 * processes may do it at once.
 *
 * @throws {StartError} when a newer version has written them, or the database cannot be used.
 */
export async function updateTables(settings: DatabaseSettings): Promise<void> {
  const database = await openCommandDatabase(settings);
  try {
    const engine = new Engine(database);
    await engine.start();
    await engine.stop();
  } finally {
    await database.close();
  }
}
