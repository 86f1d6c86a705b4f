import type { RedisConnection } from './redis-connection.js';

interface Quota {
  readonly perKey: number;
  readonly idleMs: number;
  /** The key of a session's record, by its hash. */
  readonly recordKey: (sessionHash: string) => string;
}

/**
 * The open sessions of each key, at all replicas. A key's list is in another slot than its sessions, so both are
 * changed by separate commands; the list is corrected when it is full.
 */
export class RedisSessionQuota {
  constructor(
    private readonly redis: RedisConnection,
    private readonly prefix: string,
    private readonly places: Quota,
  ) {}

  /** Whether the session was admitted. */
  async take(keyHash: string, sessionHash: string): Promise<boolean> {
    const candidates = await this.admit(keyHash, sessionHash);
    if (!candidates) return true;
    if (candidates.length === 0) return false;
    await this.review(keyHash, candidates);
    return (await this.admit(keyHash, sessionHash)) === null;
  }

  async leave(keyHash: string, sessionHash: string): Promise<void> {
    await this.redis.run((redis) => redis.zrem(this.listKey(keyHash), sessionHash));
  }

  private admit(keyHash: string, sessionHash: string): Promise<string[] | null> {
    const { perKey, idleMs } = this.places;
    return this.redis.run((redis) => redis.admitSession(this.listKey(keyHash), sessionHash, perKey, idleMs));
  }

  /** Reads the remaining time of each. */
  private async review(keyHash: string, sessionHashes: readonly string[]): Promise<void> {
    const times = await Promise.all(
      sessionHashes.map(async (sessionHash) => [
        sessionHash,
        await this.redis.run((redis) => redis.pttl(this.places.recordKey(sessionHash))),
      ]),
    );
    await this.redis.run((redis) => redis.reviewSessions(this.listKey(keyHash), ...times.flat()));
  }

  private listKey(keyHash: string): string {
    return `${this.prefix}:{${keyHash}}:sessions`;
  }
}
