import { hash } from 'node:crypto';

import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { UpstreamClient } from '../../upstream/index.js';

const VALIDITY_MS = 5000;
const CAP = 10_000;

/** The hash of a key, which identifies it. */
export const keyHashOf = (key: string): string => hash('sha256', key, 'base64url');

/** The result of a validation. */
export interface KeyStatus {
  readonly isValid: boolean;
  /** Absent where the runtime does not tell them. */
  readonly credentialId?: string | undefined;
  readonly teamId?: string | undefined;
  /** Absent: unknown, so the runtime decides call by call. */
  readonly permissions?: ReadonlySet<string>;
}

interface CachedStatus {
  readonly status: KeyStatus;
  readonly until: number;
}

/** @param hashes of the key, and the users for whom it is used. */
type OnInvalid = (hashes: ReadonlySet<string>) => void;

/** The runtime did not answer: the request continues, and the call itself reports the error. */
const UNKNOWN: KeyStatus = { isValid: true };

/**
 * Cached key validation; the runtime is authoritative. A result is cached for five seconds, valid or not, and requests
 * that arrive during a validation share it.
 */
@Injectable()
export class KeyValidator {
  private readonly logger = new Logger(KeyValidator.name);
  private readonly cache = new LRUCache<string, CachedStatus>({ max: CAP });
  private readonly pending = new Map<string, Promise<KeyStatus>>();
  private readonly listeners = new Set<OnInvalid>();
  /** The users behind access tokens for whom a key is used, by its hash. */
  private readonly owners = new Map<string, LRUCache<string, true>>();

  constructor(private readonly upstream: UpstreamClient) {
    // Also when no caller sees the error, as while a tool waits or a change is looked for.
    upstream.onRefusedKey((key) => this.invalidate(keyHashOf(key)));
  }

  /** The cached result, if it is fresh. */
  cached(keyHash: string): KeyStatus | undefined {
    // The order of eviction is that of the validations, so reading does not count as use.
    const found = this.cache.peek(keyHash);
    return found && found.until > Date.now() ? found.status : undefined;
  }

  /** Asks the runtime, or joins a validation in progress. */
  validate(keyHash: string, key: string): Promise<KeyStatus> {
    const pending = this.pending.get(keyHash);
    if (pending) return pending;
    const validating: Promise<KeyStatus> = this.fetchStatus(key).then((status) =>
      this.settle(keyHash, validating, status),
    );
    this.pending.set(keyHash, validating);
    return validating;
  }

  /** Calls back for every key found invalid, so that its streams can end. */
  onInvalid(listener: OnInvalid): void {
    this.listeners.add(listener);
  }

  /** Ends the streams of a user, too, when the key is found invalid. */
  bind(owner: string, keyHash: string): void {
    const bound = this.owners.get(keyHash);
    if (bound) bound.set(owner, true);
    else this.owners.set(keyHash, new LRUCache<string, true>({ max: CAP }).set(owner, true));
  }

  /** The runtime rejected the key during a call: the cached result is replaced. */
  private invalidate(keyHash: string): void {
    this.pending.delete(keyHash);
    this.store(keyHash, { isValid: false });
  }

  private settle(keyHash: string, validating: Promise<KeyStatus>, status: KeyStatus): KeyStatus {
    // The key was invalidated during this validation.
    if (this.pending.get(keyHash) !== validating) return this.cached(keyHash) ?? status;
    this.pending.delete(keyHash);
    this.store(keyHash, status);
    return status;
  }

  private async fetchStatus(key: string): Promise<KeyStatus> {
    try {
      return await this.upstream.validateKey({ key, signal: AbortSignal.timeout(VALIDITY_MS) });
    } catch (error) {
      this.logger.warn({ message: 'The runtime could not validate a key; the request continues.', error });
      return UNKNOWN;
    }
  }

  private store(keyHash: string, status: KeyStatus): void {
    this.cache.set(keyHash, { status, until: Date.now() + VALIDITY_MS });
    if (status.isValid) return;
    const hashes = new Set([keyHash, ...(this.owners.get(keyHash)?.keys() ?? [])]);
    this.owners.delete(keyHash);
    for (const listener of this.listeners) listener(hashes);
  }
}
