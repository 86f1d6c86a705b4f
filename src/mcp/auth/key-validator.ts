import { Injectable, Logger } from '@nestjs/common';

import { UpstreamClient } from '../../upstream/index.js';

const VALIDITY_MS = 5000;
const CAP = 10_000;

/** What is known of a key. */
export interface KeyStatus {
  readonly isValid: boolean;
  /** Absent: not told, so the runtime decides call by call. */
  readonly permissions?: ReadonlySet<string>;
}

interface CachedStatus {
  readonly status: KeyStatus;
  readonly until: number;
}

/** Nobody could say: the request goes on, and the call itself reports what is wrong. */
const UNKNOWN: KeyStatus = { isValid: true };

/**
 * Cached key validation; the runtime is authoritative. A result is cached for five seconds, whatever it is, and requests
 * that arrive during a validation share it.
 */
@Injectable()
export class KeyValidator {
  private readonly logger = new Logger(KeyValidator.name);
  private readonly cache = new Map<string, CachedStatus>();
  private readonly pending = new Map<string, Promise<KeyStatus>>();
  private readonly listeners = new Set<(keyHash: string) => void>();

  constructor(private readonly upstream: UpstreamClient) {}

  /** What is remembered of a key, if that is fresh. */
  cached(keyHash: string): KeyStatus | undefined {
    const found = this.cache.get(keyHash);
    return found && found.until > Date.now() ? found.status : undefined;
  }

  /** Asks the runtime, unless somebody is asking it already. */
  validate(keyHash: string, key: string): Promise<KeyStatus> {
    const pending = this.pending.get(keyHash);
    if (pending) return pending;
    const validating: Promise<KeyStatus> = this.fetchStatus(key).then((status) =>
      this.settle(keyHash, validating, status),
    );
    this.pending.set(keyHash, validating);
    return validating;
  }

  /** The runtime refused the key in the middle of a call: whatever was thought of it is over. */
  invalidate(keyHash: string): void {
    this.pending.delete(keyHash);
    this.store(keyHash, { isValid: false });
  }

  /** Calls back for every key found invalid, so that its streams can end. */
  onInvalid(listener: (keyHash: string) => void): void {
    this.listeners.add(listener);
  }

  private settle(keyHash: string, validating: Promise<KeyStatus>, status: KeyStatus): KeyStatus {
    // Somebody learned better while we were asking.
    if (this.pending.get(keyHash) !== validating) return this.cached(keyHash) ?? status;
    this.pending.delete(keyHash);
    this.store(keyHash, status);
    return status;
  }

  private async fetchStatus(key: string): Promise<KeyStatus> {
    try {
      return await this.upstream.validateKey({ key, signal: AbortSignal.timeout(VALIDITY_MS) });
    } catch (error) {
      this.logger.warn({ message: 'The runtime could not judge a key; the request goes on.', error });
      return UNKNOWN;
    }
  }

  private store(keyHash: string, status: KeyStatus): void {
    this.cache.delete(keyHash);
    const [oldest] = this.cache.keys();
    if (this.cache.size >= CAP && oldest !== undefined) this.cache.delete(oldest);
    this.cache.set(keyHash, { status, until: Date.now() + VALIDITY_MS });
    if (!status.isValid) for (const listener of this.listeners) listener(keyHash);
  }
}
