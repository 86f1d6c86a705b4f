import { hash } from 'node:crypto';

import type { OnApplicationShutdown } from '@nestjs/common';
import type { LoggingLevel } from '@modelcontextprotocol/server';

import type { Config } from '../../config/index.js';
import type { LimitCounter } from '../calls/index.js';
import { SealedSessionIds } from './sealed-session-ids.js';
import {
  type NewSession,
  type SessionHolder,
  type SessionRecord,
  SessionStore,
  type StreamLease,
} from './session-store.js';

const CAP = 10_000;
/** Ended sessions of earlier processes, whose ids would still be valid. */
const ENDED_CAP = 10_000;
const LONGEST_SWEEP_MS = 30_000;
/** Precision of the last use, as a fraction of the idle time. */
const STEPS_PER_IDLE_TIME = 100;

interface StoredSession {
  session: SessionRecord;
  lastUsed: number;
  /** An earlier process opened it. */
  readonly isAdopted: boolean;
}

/** With one process there is nothing to lease. */
const LOCAL_LEASE: StreamLease = {
  announceTakeover: () => undefined,
  onLost: () => undefined,
  release: () => Promise.resolve(),
};

/**
 * Sessions of one process, and of earlier ones whose clients send their ids. The map keeps them in the order
 * of their last use, so the first is the next to end.
 */
export class MemorySessionStore extends SessionStore implements OnApplicationShutdown {
  private readonly stored = new Map<string, StoredSession>();
  private readonly ids = new SealedSessionIds();
  /** Hashes of adopted sessions that have ended. */
  private readonly ended = new Set<string>();
  /** Sessions per owner. */
  private readonly perOwner = new Map<string, number>();
  private readonly listeners = new Set<(sessionHash: string) => void>();
  private readonly maxPerOwner: number;
  private readonly idleMs: number;
  private readonly sweeper: NodeJS.Timeout;

  constructor(
    { mcpSessionIdleSeconds, mcpSessionsPerKey }: Config,
    private readonly limitCounter: LimitCounter,
  ) {
    super();
    this.maxPerOwner = mcpSessionsPerKey;
    this.idleMs = mcpSessionIdleSeconds * 1000;
    this.sweeper = setInterval(() => this.sweep(), Math.min(this.idleMs / 2, LONGEST_SWEEP_MS)).unref();
  }

  get count(): number {
    return this.stored.size;
  }

  open(opened: NewSession): Promise<SessionRecord | undefined> {
    const id = this.ids.seal(opened);
    return Promise.resolve(this.insert({ ...opened, id, sessionHash: sessionHashOf(id) }, false)?.session);
  }

  find(id: string, holder: SessionHolder): SessionRecord | undefined {
    const stored = this.unexpired(id) ?? this.adopt(id, holder);
    if (stored?.session.keyHash !== holder.keyHash) return undefined;
    this.touch(id, stored);
    return stored.session;
  }

  renew({ id }: SessionRecord): Promise<void> {
    const stored = this.unexpired(id);
    if (stored) this.touch(id, stored);
    return Promise.resolve();
  }

  check({ id }: SessionRecord): Promise<void> {
    this.unexpired(id);
    return Promise.resolve();
  }

  setLogLevel({ id }: SessionRecord, logLevel: LoggingLevel): Promise<void> {
    const stored = this.stored.get(id);
    if (stored) stored.session = { ...stored.session, logLevel };
    return Promise.resolve();
  }

  end({ id }: SessionRecord): Promise<void> {
    this.forget(id);
    return Promise.resolve();
  }

  leaseStream(): Promise<StreamLease> {
    return Promise.resolve(LOCAL_LEASE);
  }

  onEnded(listener: (sessionHash: string) => void): void {
    this.listeners.add(listener);
  }

  onApplicationShutdown(): void {
    clearInterval(this.sweeper);
  }

  /** Adopts a session of an earlier process. */
  private adopt(id: string, holder: SessionHolder): StoredSession | undefined {
    const opened = this.ids.open(id, holder);
    if (!opened) return undefined;
    const sessionHash = sessionHashOf(id);
    return this.ended.has(sessionHash) ? undefined : this.insert({ ...opened, id, sessionHash }, true);
  }

  private insert(session: SessionRecord, isAdopted: boolean): StoredSession | undefined {
    const { id, owner } = session;
    if (this.isFull(owner)) return undefined;
    this.makeRoom();
    const stored = { session, lastUsed: Date.now(), isAdopted };
    this.stored.set(id, stored);
    this.addTo(owner, 1);
    return stored;
  }

  private unexpired(id: string): StoredSession | undefined {
    const stored = this.stored.get(id);
    if (!stored || !this.isExpired(stored)) return stored;
    this.forget(id);
    return undefined;
  }

  /** Not on every request: moving an entry costs more than the look-up. */
  private touch(id: string, stored: StoredSession): void {
    const now = Date.now();
    if (now - stored.lastUsed < this.idleMs / STEPS_PER_IDLE_TIME) return;
    stored.lastUsed = now;
    this.stored.delete(id);
    this.stored.set(id, stored);
  }

  private sweep(): void {
    for (const [id, stored] of this.stored) {
      if (!this.isExpired(stored)) return;
      this.forget(id);
    }
  }

  private isExpired({ lastUsed }: StoredSession): boolean {
    return Date.now() - lastUsed >= this.idleMs;
  }

  private isFull(owner: string): boolean {
    if ((this.perOwner.get(owner) ?? 0) < this.maxPerOwner) return false;
    this.sweep();
    return (this.perOwner.get(owner) ?? 0) >= this.maxPerOwner;
  }

  private makeRoom(): void {
    const [longestIdle] = this.stored.keys();
    if (this.stored.size < CAP || longestIdle === undefined) return;
    this.limitCounter.count('sessions');
    this.forget(longestIdle);
  }

  private addTo(owner: string, change: 1 | -1): void {
    const count = (this.perOwner.get(owner) ?? 0) + change;
    if (count > 0) this.perOwner.set(owner, count);
    else this.perOwner.delete(owner);
  }

  private forget(id: string): void {
    const stored = this.stored.get(id);
    if (!stored) return;
    this.stored.delete(id);
    const { sessionHash, owner } = stored.session;
    this.addTo(owner, -1);
    if (stored.isAdopted) this.rememberEnded(sessionHash);
    for (const listener of this.listeners) listener(sessionHash);
  }

  private rememberEnded(sessionHash: string): void {
    const [oldest] = this.ended;
    if (this.ended.size >= ENDED_CAP && oldest !== undefined) this.ended.delete(oldest);
    this.ended.add(sessionHash);
  }
}

/** Ids are long, and a client can choose their random part. */
const sessionHashOf = (id: string): string => hash('sha256', id, 'base64url');
