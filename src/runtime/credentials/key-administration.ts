import { resolve } from 'node:path';

import { StartError } from '../../config/index.js';
import { type DatabaseSettings, defaultTeamId, isDataDir, openCommandDatabase } from '../database/index.js';
import { AdminSocket } from './admin-socket.js';
import type { CredentialSummary, IssuedCredential, TeamSummary } from './credential.js';
import { type KeyAdministration, type NewKey, StoredKeys } from './stored-keys.js';

/**
 * The teams and keys of a database server, or of a data folder: through the process that uses it, or from its database when none
 * runs.
 *
 * @throws {StartError} when a process without an admin socket uses the folder, or the folder does not exist.
 */
export async function openKeyAdministration(
  settings: DatabaseSettings,
): Promise<KeyAdministration & AsyncDisposable> {
  const { databaseUrl, dataDir } = settings;
  if (databaseUrl === undefined && !(await isDataDir(dataDir))) throw nothingIn(dataDir);
  return openNewKeyAdministration(settings);
}

/** Like {@link openKeyAdministration}, but creates a missing folder. */
export async function openNewKeyAdministration(
  settings: DatabaseSettings,
): Promise<KeyAdministration & AsyncDisposable> {
  if (settings.databaseUrl === undefined) {
    // First, because a user who may open the socket, such as root, need not own the folder.
    const socket = await AdminSocket.find(settings.dataDir);
    if (socket)
      return Object.assign(new KeysOfServer(socket), { [Symbol.asyncDispose]: () => Promise.resolve() });
  }
  const database = await openCommandDatabase(settings);
  await defaultTeamId(database.db);
  return Object.assign(new StoredKeys(database.db), { [Symbol.asyncDispose]: () => database.close() });
}

const nothingIn = (dataDir: string): StartError =>
  new StartError(
    `No runtime keeps its data in ${resolve(dataDir)}, so it has no keys. Run this in the folder the server is started in, or set CYBERUN_DATA_DIR to its data folder.`,
  );

/** The keys of a running server, over its admin socket. */
class KeysOfServer implements KeyAdministration {
  constructor(private readonly socket: AdminSocket) {}

  async create(wanted: NewKey): Promise<IssuedCredential> {
    return (await this.socket.call('POST', '/keys', wanted)) as IssuedCredential;
  }

  async list(team?: string): Promise<CredentialSummary[]> {
    const query = team === undefined ? '' : `?team=${encodeURIComponent(team)}`;
    return (await this.socket.call('GET', `/keys${query}`)) as CredentialSummary[];
  }

  async teams(): Promise<TeamSummary[]> {
    return (await this.socket.call('GET', '/teams')) as TeamSummary[];
  }

  async createTeam(name: string): Promise<void> {
    await this.socket.call('POST', '/teams', { name });
  }

  async revoke(id: string): Promise<boolean> {
    return (await this.socket.call('DELETE', `/keys/${encodeURIComponent(id)}`)) !== undefined;
  }
}
