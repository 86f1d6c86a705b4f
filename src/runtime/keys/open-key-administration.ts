import { resolve } from 'node:path';

import { type Config, StartError } from '../../config/index.js';
import { CredentialsStore } from '../credentials/index.js';
import { defaultTeamId, isDataDir, PgliteDatabase } from '../database/index.js';
import { AdminClient } from './admin-client.js';
import type { KeyAdministration } from './key-administration.js';
import { findSocketPath } from './socket-path.js';

/**
 * The keys of a data folder: through the server that has it, or, when none runs, by taking the folder oneself.
 *
 * @throws {StartError} when somebody has the folder who cannot be asked, or there is none.
 */
export async function openKeyAdministration({
  dataDir,
}: Pick<Config, 'dataDir'>): Promise<KeyAdministration & AsyncDisposable> {
  if (!(await isDataDir(dataDir))) throw nothingIn(dataDir);
  return openNewKeyAdministration({ dataDir });
}

/** As {@link openKeyAdministration}, but a folder that is not there is made. */
export async function openNewKeyAdministration({
  dataDir,
}: Pick<Config, 'dataDir'>): Promise<KeyAdministration & AsyncDisposable> {
  // Before anything is looked at in the folder: whoever may open the socket, root included, need not own the folder.
  const client = new AdminClient(await findSocketPath(dataDir));
  if (await client.isThere())
    return Object.assign(client, { [Symbol.asyncDispose]: () => Promise.resolve() });
  const database = await PgliteDatabase.open(dataDir);
  const store = new CredentialsStore(database.db, await defaultTeamId(database.db));
  return Object.assign(store, { [Symbol.asyncDispose]: () => database.close() });
}

const nothingIn = (dataDir: string): StartError =>
  new StartError(
    `No runtime keeps its data in ${resolve(dataDir)}, so it has no keys. Run this in the folder the server is started in, or set CYBERUN_DATA_DIR to its data folder.`,
  );
