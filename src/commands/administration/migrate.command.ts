import { databasePlace } from './apply.command.js';
import { packageVersion, readConfig } from '../../config/index.js';
import { updateTables } from '../../runtime/index.js';

/** `migrate`: what a node does with the tables at its start, and nothing else. */
export async function migrateCommand(): Promise<void> {
  const config = readConfig('runtime');
  await updateTables(config);
  process.stderr.write(`The tables in ${databasePlace(config)} are those of version ${packageVersion}.\n`);
}
