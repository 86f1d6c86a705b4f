import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';

import {
  CredentialError,
  type CredentialSummary,
  type IssuedCredential,
  type NewCredential,
} from './credential.js';
import type { KeyAdministration } from './key-administration.js';

/** The keys of a running server, over its admin socket. */
export class AdminClient implements KeyAdministration {
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

  async create(wanted: NewCredential): Promise<IssuedCredential> {
    return (await this.call('POST', '/keys', wanted)) as IssuedCredential;
  }

  async list(): Promise<CredentialSummary[]> {
    return (await this.call('GET', '/keys')) as CredentialSummary[];
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
