import { AdminSocket } from '../credentials/index.js';
import { type DatabaseSettings, defaultTeamId, openCommandDatabase } from '../database/index.js';
import {
  type AppliedDefinition,
  AppliedDefinitions,
  type DefinitionAdministration,
} from './applied-definitions.js';
import { encodeWanted } from './wanted-message.js';

/**
 * Definitions of a database server, or of a data folder: through the process that uses it, or in its database when none
 * runs. A missing folder is created.
 *
 * @throws {StartError} when a process without an admin socket uses the folder.
 */
export async function openDefinitionAdministration(
  settings: DatabaseSettings,
): Promise<DefinitionAdministration & AsyncDisposable> {
  const socket = settings.databaseUrl === undefined ? await AdminSocket.find(settings.dataDir) : undefined;
  if (socket) {
    return {
      apply: async (wanted) =>
        (await socket.call('POST', '/apply', encodeWanted(wanted))) as AppliedDefinition[],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const database = await openCommandDatabase(settings);
  await defaultTeamId(database.db);
  return Object.assign(new AppliedDefinitions(database), { [Symbol.asyncDispose]: () => database.close() });
}
