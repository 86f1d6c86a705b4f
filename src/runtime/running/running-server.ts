import type { Role } from '../../config/index.js';
import { AdminSocket } from '../credentials/index.js';
import type { DatabaseFacts } from '../database/index.js';

/** Path of the admin socket. */
export const RUNNING_PATH = '/server';

/** What a running server says about itself. */
export interface RunningServer {
  readonly process_id: number;
  readonly role: Role;
  readonly version: string;
  /** Its public address. */
  readonly url: string;
  readonly http_port: number;
  /** Of metrics and probes. */
  readonly other_ports: readonly number[];
  readonly database: DatabaseFacts;
}

/**
 * Asks the server that uses a data folder. `undefined` when none answers, this user may not ask it, or it is of a version that
 * does not tell.
 *
 * @throws {StartError} with the reason of the server.
 */
export async function askRunningServer(dataDir: string): Promise<RunningServer | undefined> {
  const socket = await AdminSocket.find(dataDir);
  return (await socket?.call('GET', RUNNING_PATH)) as RunningServer | undefined;
}
