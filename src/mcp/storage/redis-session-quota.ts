import type { RedisConnection } from './redis-connection.js';

interface Quota {
  readonly perKey: number;
  readonly idleMs: number;
  /** Where a session is, by its tag. */
  readonly recordKey: (sessionHash: string) => string;
}

/**
 * The sessions each key has open, at all replicas. A key's list is in a slot of its own, apart from its sessions, so
 * what is done to both are commands of their own; the list is put right when somebody meets its end.
 */
export class RedisSessionQuota {
  constructor(
    private readonly redis: RedisConnection,
    private readonly prefix: string,
    private readonly places: Quota,
  ) {}

  /** Whether there was a place. */
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

  /** Finds out how long each of them still has. */
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
