import { hash, randomBytes } from 'node:crypto';
import type { LoggingLevel } from '@modelcontextprotocol/server';

import type { Config } from '../../config/index.js';
import type { RedisConnection } from './redis-connection.js';
import type { RedisReplicaChannel } from './redis-replica-channel.js';
import {
  type NewSession,
  type SessionHolder,
  type SessionRecord,
  SessionStore,
  type StreamLease,
} from './session-store.js';

interface Quota {
  readonly perOwner: number;
  readonly idleMs: number;
  /** The key of a session's record, by its hash. */
  readonly recordKey: (sessionHash: string) => string;
}

/**
 * The open sessions of each owner, at all replicas. An owner's list is in another slot than its sessions, so both are
 * changed by separate commands; the list is corrected when it is full.
 */
class RedisSessionQuota {
  constructor(
    private readonly redis: RedisConnection,
    private readonly prefix: string,
    private readonly places: Quota,
  ) {}

  /** Whether the session was admitted. */
  async take(owner: string, sessionHash: string): Promise<boolean> {
    const candidates = await this.admit(owner, sessionHash);
    if (!candidates) return true;
    if (candidates.length === 0) return false;
    await this.review(owner, candidates);
    return (await this.admit(owner, sessionHash)) === null;
  }

  async leave(owner: string, sessionHash: string): Promise<void> {
    await this.redis.run((redis) => redis.zrem(this.listKey(owner), sessionHash));
  }

  private admit(owner: string, sessionHash: string): Promise<string[] | null> {
    const { perOwner, idleMs } = this.places;
    return this.redis.run((redis) => redis.admitSession(this.listKey(owner), sessionHash, perOwner, idleMs));
  }

  /** Reads the remaining time of each. */
  private async review(owner: string, sessionHashes: readonly string[]): Promise<void> {
    const times = await Promise.all(
      sessionHashes.map(async (sessionHash) => [
        sessionHash,
        await this.redis.run((redis) => redis.pttl(this.places.recordKey(sessionHash))),
      ]),
    );
    await this.redis.run((redis) => redis.reviewSessions(this.listKey(owner), ...times.flat()));
  }

  private listKey(owner: string): string {
    return `${this.prefix}:{${owner}}:sessions`;
  }
}

/** A lease that is not renewed expires after this time, such as that of a dead replica. */
const LEASE_MS = 10_000;
const RENEWAL_MS = 3000;

interface LeaseActions {
  /** Returns the state of the lease, and renews it if this holder has it. */
  readonly hold: () => Promise<'held' | 'taken' | 'ended'>;
  readonly release: () => Promise<unknown>;
  /** Makes the other replicas check their leases. */
  readonly announceTakeover: () => void;
  readonly onEnded: () => void;
}

/** The lease of a session's standalone stream, held until a newer stream takes it and while it is renewed. */
class RedisStreamLease implements StreamLease {
  private readonly renewal: NodeJS.Timeout;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly held: LeaseActions) {
    this.renewal = setInterval(() => void this.renew(), RENEWAL_MS).unref();
  }

  announceTakeover(): void {
    this.held.announceTakeover();
  }

  onLost(listener: () => void): void {
    this.listeners.add(listener);
  }

  async release(): Promise<void> {
    clearInterval(this.renewal);
    await this.held.release();
  }

  /** Renews the lease if it is still held here. */
  async renew(): Promise<void> {
    // While Redis is unreachable the stream stays open; if no other stream takes the lease, the next renewal regains
    // it.
    const state = await this.held.hold().catch(() => 'held' as const);
    if (state === 'held') return;
    // Nothing is left to renew, even without a release.
    clearInterval(this.renewal);
    if (state === 'ended') this.held.onEnded();
    else for (const listener of this.listeners) listener();
  }
}

const PREFIX = 'cyberun:mcp';
const ID_BYTES = 16;

type StoredSession = Omit<NewSession, keyof SessionHolder>;

/** The braces put all keys of a session into one slot. */
const recordKey = (sessionHash: string): string => `${PREFIX}:{${sessionHash}}:session`;
const streamKey = (sessionHash: string): string => `${PREFIX}:{${sessionHash}}:stream`;
/** The key's hash comes first, where the script reads it. */
const valueOf = (keyHash: string, stored: StoredSession): string => keyHash + JSON.stringify(stored);
const sessionHashOf = (id: string): string => hash('sha256', id, 'hex');

/** Sessions that every replica can continue. Redis holds neither their ids nor their keys, only hashes. */
export class RedisSessionStore extends SessionStore {
  /** Not known per process. */
  readonly count = undefined;
  private readonly listeners = new Set<(sessionHash: string) => void>();
  private readonly idleMs: number;
  private readonly places: RedisSessionQuota;
  /** Leases of streams that are open here, by session hash. */
  private readonly leases = new Map<string, RedisStreamLease>();

  constructor(
    private readonly redis: RedisConnection,
    private readonly replicas: RedisReplicaChannel,
    { mcpSessionIdleSeconds, mcpSessionsPerKey: perOwner }: Config,
  ) {
    super();
    this.idleMs = mcpSessionIdleSeconds * 1000;
    this.places = new RedisSessionQuota(redis, PREFIX, { perOwner, idleMs: this.idleMs, recordKey });
    replicas.onMessage('ended', ({ sessionHash }) => this.ended(sessionHash));
    replicas.onMessage('stream-taken', ({ sessionHash }) => void this.leases.get(sessionHash)?.renew());
  }

  async open({ keyHash, owner, ...stored }: NewSession): Promise<SessionRecord | undefined> {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const sessionHash = sessionHashOf(id);
    if (!(await this.places.take(owner, sessionHash))) return undefined;
    await this.redis.run((redis) =>
      redis.set(recordKey(sessionHash), valueOf(keyHash, stored), 'PX', this.idleMs),
    );
    return { id, sessionHash, keyHash, owner, ...stored };
  }

  async find(id: string, { keyHash, owner }: SessionHolder): Promise<SessionRecord | undefined> {
    const sessionHash = sessionHashOf(id);
    const found = await this.redis.run((redis) =>
      redis.findSession(recordKey(sessionHash), keyHash, this.idleMs),
    );
    if (found === null) return undefined;
    return { id, sessionHash, keyHash, owner, ...(JSON.parse(found) as StoredSession) };
  }

  async renew({ sessionHash }: SessionRecord): Promise<void> {
    const isThere = await this.redis.run((redis) => redis.pexpire(recordKey(sessionHash), this.idleMs));
    if (!isThere) this.ended(sessionHash);
  }

  async check({ sessionHash }: SessionRecord): Promise<void> {
    const isThere = await this.redis.run((redis) => redis.exists(recordKey(sessionHash)));
    if (!isThere) this.ended(sessionHash);
  }

  async setLogLevel(session: SessionRecord, logLevel: LoggingLevel): Promise<void> {
    const { id: _id, owner: _owner, sessionHash, keyHash, ...stored } = session;
    const value = valueOf(keyHash, { ...stored, logLevel });
    await this.redis.run((redis) => redis.set(recordKey(sessionHash), value, 'KEEPTTL', 'XX'));
  }

  async end({ sessionHash, owner }: SessionRecord): Promise<void> {
    await this.redis.run((redis) => redis.del(recordKey(sessionHash), streamKey(sessionHash)));
    this.ended(sessionHash);
    await Promise.all([
      this.places.leave(owner, sessionHash),
      this.replicas.publish({ kind: 'ended', sessionHash }),
    ]);
  }

  async leaseStream({ sessionHash }: SessionRecord): Promise<StreamLease> {
    const holder = `${this.replicas.name}:${randomBytes(ID_BYTES).toString('base64url')}`;
    const [record, stream] = [recordKey(sessionHash), streamKey(sessionHash)];
    await this.redis.run((redis) => redis.set(stream, holder, 'PX', LEASE_MS));
    const lease = new RedisStreamLease({
      hold: () => this.redis.run((redis) => redis.holdStream(record, stream, holder, LEASE_MS)),
      release: () => {
        if (this.leases.get(sessionHash) === lease) this.leases.delete(sessionHash);
        return this.redis.run((redis) => redis.releaseStream(stream, holder));
      },
      // If the message is lost, the next renewal detects it.
      announceTakeover: () =>
        void this.replicas.publish({ kind: 'stream-taken', sessionHash }).catch(() => undefined),
      onEnded: () => this.ended(sessionHash),
    });
    this.leases.set(sessionHash, lease);
    return lease;
  }

  onEnded(listener: (sessionHash: string) => void): void {
    this.listeners.add(listener);
  }

  private ended(sessionHash: string): void {
    for (const listener of this.listeners) listener(sessionHash);
  }
}
