import type { RequestId } from '@modelcontextprotocol/server';

import type { Limits } from '../../config/index.js';
import { CODE, Refusal } from '../protocol/index.js';

const SOON = { 'Retry-After': '1' };

/** How much is open at once, of each key and in all; and what would be too much. */
export class Crowd {
  private readonly counts = new Map<string, number>();
  private count = 0;

  constructor(private readonly limits: Pick<Limits, 'requests' | 'requestsPerKey'>) {}

  join(keyHash: string): void {
    this.count += 1;
    this.counts.set(keyHash, this.countOf(keyHash) + 1);
  }

  part(keyHash: string): void {
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
  refusalOf(keyHash: string, id: RequestId | null, more: number): Refusal | undefined {
    const { requests, requestsPerKey } = this.limits;
    if (this.countOf(keyHash) + more > requestsPerKey) return tooManyOfKey(requestsPerKey, id);
    return this.count + more > requests ? tooMany(id) : undefined;
  }

  private countOf(keyHash: string): number {
    return this.counts.get(keyHash) ?? 0;
  }
}

const tooManyOfKey = (most: number, id: RequestId | null): Refusal =>
  new Refusal(
    429,
    CODE.refused,
    `Too Many Requests: This key has ${most} requests and streams open here. Wait until some have ended, or end them.`,
    { id, headers: SOON, bound: 'requests_per_key' },
  );

const tooMany = (id: RequestId | null): Refusal =>
  new Refusal(
    503,
    CODE.refused,
    'Service Unavailable: Too many requests are in progress. Try again in a moment.',
    { id, headers: SOON, bound: 'requests' },
  );
