import { Injectable, Logger } from '@nestjs/common';

import { UpstreamClient } from '../../upstream/index.js';

const VERDICT_MS = 5000;
const CAP = 10_000;

/** What is known of a key. */
export interface KeyVerdict {
  readonly isValid: boolean;
  /** Absent: not told, so the runtime decides call by call. */
  readonly permissions?: ReadonlySet<string>;
}

interface Remembered {
  readonly verdict: KeyVerdict;
  readonly until: number;
}

/** Nobody could say: the request goes on, and the call itself reports what is wrong. */
const UNKNOWN: KeyVerdict = { isValid: true };

/**
 * The runtime's verdict on keys. There is one judge, and it is not us: it is asked once, remembered for five seconds
 * whatever it said, and many requests share one question.
 */
@Injectable()
export class KeyVerdicts {
  private readonly logger = new Logger(KeyVerdicts.name);
  private readonly remembered = new Map<string, Remembered>();
  private readonly asked = new Map<string, Promise<KeyVerdict>>();
  private readonly listeners = new Set<(keyHash: string) => void>();

  constructor(private readonly upstream: UpstreamClient) {}

  /** What is remembered of a key, if that is fresh. */
  known(keyHash: string): KeyVerdict | undefined {
    const found = this.remembered.get(keyHash);
    return found && found.until > Date.now() ? found.verdict : undefined;
  }

  /** Asks the runtime, unless somebody is asking it already. */
  ask(keyHash: string, key: string): Promise<KeyVerdict> {
    const under = this.asked.get(keyHash);
    if (under) return under;
    const asking: Promise<KeyVerdict> = this.judge(key).then((verdict) =>
      this.answered(keyHash, asking, verdict),
    );
    this.asked.set(keyHash, asking);
    return asking;
  }

  /** The runtime refused the key in the middle of a call: whatever was thought of it is over. */
  reject(keyHash: string): void {
    this.asked.delete(keyHash);
    this.remember(keyHash, { isValid: false });
  }

  /** Calls back for every key found invalid, so that its streams can end. */
  onInvalid(listener: (keyHash: string) => void): void {
    this.listeners.add(listener);
  }

  private answered(keyHash: string, asking: Promise<KeyVerdict>, verdict: KeyVerdict): KeyVerdict {
    // Somebody learned better while we were asking.
    if (this.asked.get(keyHash) !== asking) return this.known(keyHash) ?? verdict;
    this.asked.delete(keyHash);
    this.remember(keyHash, verdict);
    return verdict;
  }

  private async judge(key: string): Promise<KeyVerdict> {
    try {
      return await this.upstream.validateKey({ key, signal: AbortSignal.timeout(VERDICT_MS) });
    } catch (error) {
      this.logger.warn({ message: 'The runtime could not judge a key; the request goes on.', error });
      return UNKNOWN;
    }
  }

  private remember(keyHash: string, verdict: KeyVerdict): void {
    this.remembered.delete(keyHash);
    const [oldest] = this.remembered.keys();
    if (this.remembered.size >= CAP && oldest !== undefined) this.remembered.delete(oldest);
    this.remembered.set(keyHash, { verdict, until: Date.now() + VERDICT_MS });
    if (!verdict.isValid) for (const listener of this.listeners) listener(keyHash);
  }
}
