import { Injectable } from '@nestjs/common';

import { CredentialsService } from '../credentials/index.js';

/** Keys of the agents this process starts itself; they are reached, and reach us, over the loopback address. */
@Injectable()
export class LocalKeys {
  private readonly keys = new Set<string>();

  constructor(private readonly credentials: CredentialsService) {}

  /** A new agent key that lives only in this process. */
  mint(): string {
    const key = this.credentials.mintEphemeralAgentKey();
    this.keys.add(key);
    return key;
  }

  has(key: string): boolean {
    return this.keys.has(key);
  }
}
