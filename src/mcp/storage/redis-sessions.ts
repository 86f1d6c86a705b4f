import { hash, randomBytes } from 'node:crypto';

import type { LoggingLevel } from '@modelcontextprotocol/server';

import type { Config } from '../../config/index.js';
import type { RedisConnection } from './redis-connection.js';
import { RedisPlaces } from './redis-places.js';
import type { RedisReplicas } from './redis-replicas.js';
import { CLAIM_MS, RedisStreamClaim } from './redis-stream-claim.js';
import { type Opened, type SessionRecord, Sessions, type StreamClaim } from './sessions.js';

const PREFIX = 'cyberun:mcp';
const ID_BYTES = 16;

type Kept = Omit<Opened, 'keyHash'>;

/** The braces put all keys of a session into one slot. */
const recordKey = (tag: string): string => `${PREFIX}:{${tag}}:record`;
const streamKey = (tag: string): string => `${PREFIX}:{${tag}}:stream`;
/** The key's hash comes first, where the script finds it. */
const valueOf = (keyHash: string, kept: Kept): string => keyHash + JSON.stringify(kept);
const tagOf = (id: string): string => hash('sha256', id, 'hex');

/** Sessions that any replica can go on with. Redis holds neither their ids nor the keys they belong to, only hashes. */
export class RedisSessions extends Sessions {
  /** Redis knows, and not for one process. */
  readonly count = undefined;
  private readonly listeners = new Set<(tag: string) => void>();
  private readonly idleMs: number;
  private readonly places: RedisPlaces;
  /** Those of streams that are open here, by the tags of their sessions. */
  private readonly claims = new Map<string, RedisStreamClaim>();

  constructor(
    private readonly redis: RedisConnection,
    private readonly replicas: RedisReplicas,
    { mcpSessionIdleSeconds, mcpSessionsPerKey: perKey }: Config,
  ) {
    super();
    this.idleMs = mcpSessionIdleSeconds * 1000;
    this.places = new RedisPlaces(redis, PREFIX, { perKey, idleMs: this.idleMs, recordKey });
    replicas.onTold('ended', ({ tag }) => this.ended(tag));
    replicas.onTold('stream-taken', ({ tag }) => void this.claims.get(tag)?.renew());
  }

  async open({ keyHash, ...kept }: Opened): Promise<SessionRecord | undefined> {
    const id = randomBytes(ID_BYTES).toString('base64url');
    const tag = tagOf(id);
    if (!(await this.places.take(keyHash, tag))) return undefined;
    await this.redis.run((redis) => redis.set(recordKey(tag), valueOf(keyHash, kept), 'PX', this.idleMs));
    return { id, tag, keyHash, ...kept };
  }

  async find(id: string, keyHash: string): Promise<SessionRecord | undefined> {
    const tag = tagOf(id);
    const found = await this.redis.run((redis) => redis.findSession(recordKey(tag), keyHash, this.idleMs));
    return found === null ? undefined : { id, tag, keyHash, ...(JSON.parse(found) as Kept) };
  }

  async renew({ tag }: SessionRecord): Promise<void> {
    const isThere = await this.redis.run((redis) => redis.pexpire(recordKey(tag), this.idleMs));
    if (!isThere) this.ended(tag);
  }

  async check({ tag }: SessionRecord): Promise<void> {
    const isThere = await this.redis.run((redis) => redis.exists(recordKey(tag)));
    if (!isThere) this.ended(tag);
  }

  async setLogLevel(session: SessionRecord, logLevel: LoggingLevel): Promise<void> {
    const { id: _, tag, keyHash, ...kept } = session;
    const value = valueOf(keyHash, { ...kept, logLevel });
    await this.redis.run((redis) => redis.set(recordKey(tag), value, 'KEEPTTL', 'XX'));
  }

  async end({ tag, keyHash }: SessionRecord): Promise<void> {
    await this.redis.run((redis) => redis.del(recordKey(tag), streamKey(tag)));
    this.ended(tag);
    await Promise.all([this.places.leave(keyHash, tag), this.replicas.tell({ kind: 'ended', tag })]);
  }

  async claimStream({ tag }: SessionRecord): Promise<StreamClaim> {
    const holder = `${this.replicas.name}:${randomBytes(ID_BYTES).toString('base64url')}`;
    const [record, stream] = [recordKey(tag), streamKey(tag)];
    await this.redis.run((redis) => redis.set(stream, holder, 'PX', CLAIM_MS));
    const claim = new RedisStreamClaim({
      hold: () => this.redis.run((redis) => redis.holdStream(record, stream, holder, CLAIM_MS)),
      release: () => {
        if (this.claims.get(tag) === claim) this.claims.delete(tag);
        return this.redis.run((redis) => redis.releaseStream(stream, holder));
      },
      // Unheard, it is found out at the next renewal.
      announce: () => void this.replicas.tell({ kind: 'stream-taken', tag }).catch(() => undefined),
      onEnded: () => this.ended(tag),
    });
    this.claims.set(tag, claim);
    return claim;
  }

  onEnded(listener: (tag: string) => void): void {
    this.listeners.add(listener);
  }

  private ended(tag: string): void {
    for (const listener of this.listeners) listener(tag);
  }
}
