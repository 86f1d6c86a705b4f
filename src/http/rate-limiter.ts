import { Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { errorText } from '../config/index.js';

/** Rates are per minute, and a minute's allowance may be used at once. */
export const RATE_WINDOW_MS = 60_000;
/** Errors of floating-point numbers, and differences of clocks. */
export const RATE_TOLERANCE_MS = 1;

/** Of addresses and keys in use; clients choose their number, so those that were not used for longest are forgotten. */
const CAP = 50_000;
/** While the shared counts cannot be reached, they are asked again after this time. */
const RETRY_MS = 1000;

/** Counts of all replicas. */
export interface SharedCounts {
  /**
   * @param costMs share of the window that the request takes.
   * @returns how long to wait, in milliseconds; 0 when the request is counted.
   * @throws when they cannot be reached.
   */
  take(name: string, costMs: number): Promise<number>;
}

/**
 * Token buckets, by the generic cell rate algorithm: of each bucket only the time is stored at which it is full again. In
 * this process alone, without timers, and in one look-up per request.
 */
class LocalCounts {
  private readonly fullAt = new LRUCache<string, number>({ max: CAP });

  /** As {@link SharedCounts.take}. */
  take(name: string, costMs: number): number {
    const now = performance.now();
    const fullAt = Math.max(this.fullAt.get(name) ?? 0, now) + costMs;
    const waitMs = fullAt - now - RATE_WINDOW_MS;
    if (waitMs > RATE_TOLERANCE_MS) return waitMs;
    this.fullAt.set(name, fullAt);
    return 0;
  }
}

/** Counts requests by name, over all replicas where they share their counts, and alone while these cannot be reached. */
export class RateLimiter {
  private readonly logger = new Logger('Limits');
  private readonly local = new LocalCounts();
  /** Until when a name is refused, so that refused requests cost nothing more. */
  private readonly refusedUntil = new LRUCache<string, number>({ max: CAP });
  private shared: SharedCounts | undefined;
  private aloneUntil: number | undefined;

  share(counts: SharedCounts): void {
    this.shared = counts;
  }

  /** How long a name is refused yet, as far as this process knows; 0 when it is not. */
  refusedFor(name: string): number {
    const until = this.refusedUntil.get(name);
    return until === undefined ? 0 : Math.max(0, until - performance.now());
  }

  /** Counts a request, or returns how long it has to wait, in milliseconds. Never rejects. */
  async take(name: string, perMinute: number, cost = 1): Promise<number> {
    const refusedFor = this.refusedFor(name);
    if (refusedFor > 0) return refusedFor;
    const costMs = (cost * RATE_WINDOW_MS) / perMinute;
    const waitMs = (await this.takeShared(name, costMs)) ?? this.local.take(name, costMs);
    // After a wait for several, a single one may be possible at once.
    if (waitMs > 0 && cost === 1) this.refusedUntil.set(name, performance.now() + waitMs);
    return waitMs;
  }

  /** `undefined` where counts are not shared, or cannot be reached. */
  private async takeShared(name: string, costMs: number): Promise<number | undefined> {
    const { shared, aloneUntil } = this;
    if (!shared || (aloneUntil !== undefined && performance.now() < aloneUntil)) return undefined;
    try {
      const waitMs = await shared.take(name, costMs);
      if (this.aloneUntil !== undefined) this.logger.log('Rates are counted over all replicas again.');
      this.aloneUntil = undefined;
      return waitMs;
    } catch (error) {
      if (this.aloneUntil === undefined) {
        const message = 'Rates are counted by this process alone until Redis answers again.';
        this.logger.warn({ message, reason: errorText(error) });
      }
      this.aloneUntil = performance.now() + RETRY_MS;
      return undefined;
    }
  }
}
