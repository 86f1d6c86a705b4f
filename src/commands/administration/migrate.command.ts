import { packageVersion, readConfig } from '../../config/index.js';
import { updateTables } from '../../runtime/index.js';
import { printJson, type PrintOptions } from '../client/printing.js';
import { databasePlace } from './apply.command.js';

/** `migrate`: what a node does with the tables at its start, and nothing else. */
export async function migrateCommand({ json: isJson }: PrintOptions): Promise<void> {
  const config = readConfig('runtime');
  await updateTables(config);
  if (isJson) return printJson({ version: packageVersion });
  process.stderr.write(`The tables in ${databasePlace(config)} are those of version ${packageVersion}.\n`);
}
