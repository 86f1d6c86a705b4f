import type { Config } from '../../config/index.js';
import { CredentialsStore } from '../credentials/index.js';
import { defaultTeamId, PgliteDatabase } from '../database/index.js';
import { AdminClient } from './admin-client.js';
import type { KeyAdministration } from './key-administration.js';
import { findSocketPath } from './socket-path.js';

/**
 * The keys of a data folder: through the server that has it, or, when none runs, by taking the folder oneself.
 *
 * @throws {DataDirLockedError} when somebody has the folder who cannot be asked.
 */
export async function openKeyAdministration({
  dataDir,
}: Pick<Config, 'dataDir'>): Promise<KeyAdministration & AsyncDisposable> {
  const client = new AdminClient(await findSocketPath(dataDir));
  if (await client.isThere())
    return Object.assign(client, { [Symbol.asyncDispose]: () => Promise.resolve() });
  const database = await PgliteDatabase.open(dataDir);
  const store = new CredentialsStore(database.db, await defaultTeamId(database.db));
  return Object.assign(store, { [Symbol.asyncDispose]: () => database.close() });
}
