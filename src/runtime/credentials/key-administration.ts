import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { resolve } from 'node:path';
import { json } from 'node:stream/consumers';

import { StartError } from '../../config/index.js';
import { type DatabaseSettings, defaultTeamId, isDataDir, openCommandDatabase } from '../database/index.js';
import {
  CredentialError,
  type CredentialSummary,
  type IssuedCredential,
  type TeamSummary,
} from './credential.js';
import { findSocketPath } from './socket-path.js';
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
    const client = new AdminClient(await findSocketPath(settings.dataDir));
    if (await client.isThere())
      return Object.assign(client, { [Symbol.asyncDispose]: () => Promise.resolve() });
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
class AdminClient implements KeyAdministration {
  constructor(private readonly socketPath: string) {}

  /** Whether a server listens on the socket and this user may connect. */
  async isThere(): Promise<boolean> {
    return this.list().then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.syscall === 'connect') return false;
        throw error;
      },
    );
  }

  async create(wanted: NewKey): Promise<IssuedCredential> {
    return (await this.call('POST', '/keys', wanted)) as IssuedCredential;
  }

  async list(team?: string): Promise<CredentialSummary[]> {
    const query = team === undefined ? '' : `?team=${encodeURIComponent(team)}`;
    return (await this.call('GET', `/keys${query}`)) as CredentialSummary[];
  }

  async teams(): Promise<TeamSummary[]> {
    return (await this.call('GET', '/teams')) as TeamSummary[];
  }

  async createTeam(name: string): Promise<void> {
    await this.call('POST', '/teams', { name });
  }

  async revoke(id: string): Promise<boolean> {
    return (await this.call('DELETE', `/keys/${encodeURIComponent(id)}`)) !== undefined;
  }

  /** `undefined` for 404. */
  private async call(method: string, path: string, body?: object): Promise<unknown> {
    const sent = request({ socketPath: this.socketPath, method, path, agent: false });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const answer = await json(response);
    if (response.statusCode === 404) return undefined;
    if ((response.statusCode ?? 500) < 400) return answer;
    throw new CredentialError((answer as { error_message: string }).error_message);
  }
}
