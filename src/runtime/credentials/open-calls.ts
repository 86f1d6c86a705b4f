import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import type { Writable } from 'node:stream';

import { logFailure } from '../database/index.js';
import { CredentialsService } from './credentials.service.js';

/** How often the keys of open calls are checked. */
const CHECK_MS = 2000;

interface OpenCall {
  readonly key: string;
  readonly since: number;
}

/** Ends event streams, relayed responses and WebSockets whose key was revoked or has expired. */
@Injectable()
export class OpenCalls implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Credentials');
  private readonly calls = new Map<Writable, OpenCall>();
  private readonly timer = setInterval(() => void this.check(), CHECK_MS).unref();
  private isChecking = false;

  constructor(private readonly credentials: CredentialsService) {}

  /** Watches a call until its response, or its upgraded socket, is closed. */
  watch(answer: Writable, key: string): void {
    this.calls.set(answer, { key, since: Date.now() });
    answer.once('close', () => this.calls.delete(answer));
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async check(): Promise<void> {
    if (this.isChecking) return;
    this.isChecking = true;
    try {
      const old = [...this.calls].filter(([, { since }]) => Date.now() - since >= CHECK_MS);
      for (const [key, calls] of Map.groupBy(old, ([, call]) => call.key)) {
        if (await this.credentials.authenticate(key)) continue;
        // Destroyed, not ended: a partial response must not look complete.
        for (const [answer] of calls) answer.destroy();
      }
    } catch (error) {
      logFailure(this.logger, 'the keys of open calls could not be checked', error);
    } finally {
      this.isChecking = false;
    }
  }
}
