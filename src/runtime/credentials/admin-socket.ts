import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';

import { StartError } from '../../config/index.js';
import { findSocketPath } from './socket-path.js';

/** The admin socket of the process that uses a data folder. */
export class AdminSocket {
  private constructor(private readonly socketPath: string) {}

  /** `undefined` when no server listens, or this user may not connect. */
  static async find(dataDir: string): Promise<AdminSocket | undefined> {
    const socket = new AdminSocket(await findSocketPath(dataDir));
    return socket.call('GET', '/teams').then(
      () => socket,
      (error: NodeJS.ErrnoException) => {
        if (error.syscall === 'connect') return undefined;
        throw error;
      },
    );
  }

  /**
   * The answer; `undefined` for 404.
   *
   * @throws {StartError} with the reason of the server.
   */
  async call(method: string, path: string, body?: object): Promise<unknown> {
    const sent = request({ socketPath: this.socketPath, method, path, agent: false });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const answer = await json(response);
    if (response.statusCode === 404) return undefined;
    if ((response.statusCode ?? 500) < 400) return answer;
    throw new StartError((answer as { error_message: string }).error_message);
  }
}
