import type { RequestId } from '@modelcontextprotocol/server';

import type { Limits } from '../../config/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';

const SOON = { 'Retry-After': '1' };

/** How much is open at once, of each key and in all; and what would be too much. */
export class ConcurrencyLimiter {
  private readonly counts = new Map<string, number>();
  private count = 0;

  constructor(private readonly limits: Pick<Limits, 'requests' | 'requestsPerKey'>) {}

  add(keyHash: string): void {
    this.count += 1;
    this.counts.set(keyHash, this.countOf(keyHash) + 1);
  }

  remove(keyHash: string): void {
    this.count -= 1;
    const left = this.countOf(keyHash) - 1;
    if (left > 0) this.counts.set(keyHash, left);
    else this.counts.delete(keyHash);
  }

  /**
   * Why so many more of a key would be too much.
   *
   * @param id of the request that would be refused.
   */
  limitError(keyHash: string, id: RequestId | null, more: number): JsonRpcHttpError | undefined {
    const { requests, requestsPerKey } = this.limits;
    if (this.countOf(keyHash) + more > requestsPerKey) return tooManyOfKey(requestsPerKey, id);
    return this.count + more > requests ? tooMany(id) : undefined;
  }

  private countOf(keyHash: string): number {
    return this.counts.get(keyHash) ?? 0;
  }
}

const tooManyOfKey = (most: number, id: RequestId | null): JsonRpcHttpError =>
  new JsonRpcHttpError(
    429,
    CODE.serverError,
    `Too Many Requests: This key has ${most} requests and streams open here. Wait until some have ended, or end them.`,
    { id, headers: SOON, limit: 'requests_per_key' },
  );

const tooMany = (id: RequestId | null): JsonRpcHttpError =>
  new JsonRpcHttpError(
    503,
    CODE.serverError,
    'Service Unavailable: Too many requests are in progress. Try again in a moment.',
    { id, headers: SOON, limit: 'requests' },
  );
