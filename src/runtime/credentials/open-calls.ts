import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import type { Writable } from 'node:stream';

import { CredentialsService } from './credentials.service.js';

/** How soon a call ends whose key was revoked or has expired. */
const LOOK_MS = 2000;

interface OpenCall {
  readonly key: string;
  readonly since: number;
}

/** Ends calls that outlive their key, as event streams, relayed answers and WebSockets may. */
@Injectable()
export class OpenCalls implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Credentials');
  private readonly calls = new Map<Writable, OpenCall>();
  private readonly clock = setInterval(() => void this.look(), LOOK_MS).unref();
  private isLooking = false;

  constructor(private readonly credentials: CredentialsService) {}

  /** Watches a call that was let in with this key until its response, or the socket it took over, is closed. */
  watch(answer: Writable, key: string): void {
    this.calls.set(answer, { key, since: Date.now() });
    answer.once('close', () => this.calls.delete(answer));
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.clock);
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      const old = [...this.calls].filter(([, { since }]) => Date.now() - since >= LOOK_MS);
      for (const [key, calls] of Map.groupBy(old, ([, call]) => call.key)) {
        if (await this.credentials.authenticate(key)) continue;
        // Cut, not ended: half an answer must not look like a whole one.
        for (const [answer] of calls) answer.destroy();
      }
    } catch (error) {
      this.logger.warn({ message: 'the keys of open calls could not be checked', error });
    } finally {
      this.isLooking = false;
    }
  }
}
