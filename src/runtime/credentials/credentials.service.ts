import { Injectable } from '@nestjs/common';

import type { Credential } from './credential.js';

/** Keys of the teams: who holds one, what it may do, until when. */
@Injectable()
export class CredentialsService {
  /** The credential behind a raw key; `undefined` when it is unknown, revoked or expired. */
  authenticate(_rawKey: string): Promise<Credential | undefined> {
    return Promise.reject(new Error('being built'));
  }

  /** A new `ak-` key of the default team that lives only in this process. */
  mintEphemeralAgentKey(): string {
    throw new Error('being built');
  }
}
