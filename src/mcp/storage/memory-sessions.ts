import { hash } from 'node:crypto';

import type { OnApplicationShutdown } from '@nestjs/common';
import type { LoggingLevel } from '@modelcontextprotocol/server';

import type { Config } from '../../config/index.js';
import type { Bounds } from '../calls/index.js';
import { SealedSessionIds } from './sealed-session-ids.js';
import { type Opened, type SessionRecord, Sessions, type StreamClaim } from './sessions.js';

const CAP = 10_000;
/** Sessions of processes before this one that have ended here; their ids would be good for more. */
const ENDED_CAP = 10_000;
const LONGEST_SWEEP_MS = 30_000;
/** How exactly the time of the last use is known, in parts of the time a session may idle. */
const STEPS_PER_IDLE_TIME = 100;

interface Kept {
  session: SessionRecord;
  lastUsed: number;
  /** It was opened by a process before this one. */
  readonly isTakenOver: boolean;
}

/** There is one process, which knows itself where the stream is. */
const CLAIM: StreamClaim = {
  announce: () => undefined,
  onLost: () => undefined,
  release: () => Promise.resolve(),
};

/**
 * Sessions of one process, and of those before it, as far as clients come with their ids. The map keeps them in the order
 * of their last use, so the first is the next to end.
 */
export class MemorySessions extends Sessions implements OnApplicationShutdown {
  private readonly kept = new Map<string, Kept>();
  private readonly ids = new SealedSessionIds();
  /** Tags of sessions that were taken over and have ended. */
  private readonly ended = new Set<string>();
  /** How many each key has. */
  private readonly perKey = new Map<string, number>();
  private readonly listeners = new Set<(tag: string) => void>();
  private readonly maxPerKey: number;
  private readonly idleMs: number;
  private readonly sweeper: NodeJS.Timeout;

  constructor(
    { mcpSessionIdleSeconds, mcpSessionsPerKey }: Config,
    private readonly bounds: Bounds,
  ) {
    super();
    this.maxPerKey = mcpSessionsPerKey;
    this.idleMs = mcpSessionIdleSeconds * 1000;
    this.sweeper = setInterval(() => this.sweep(), Math.min(this.idleMs / 2, LONGEST_SWEEP_MS)).unref();
  }

  get count(): number {
    return this.kept.size;
  }

  open(opened: Opened): Promise<SessionRecord | undefined> {
    const id = this.ids.seal(opened);
    return Promise.resolve(this.keep({ ...opened, id, tag: tagOf(id) }, false)?.session);
  }

  find(id: string, keyHash: string): Promise<SessionRecord | undefined> {
    const kept = this.living(id) ?? this.takeOver(id, keyHash);
    if (kept?.session.keyHash !== keyHash) return Promise.resolve(undefined);
    this.touch(id, kept);
    return Promise.resolve(kept.session);
  }

  renew({ id }: SessionRecord): Promise<void> {
    const kept = this.living(id);
    if (kept) this.touch(id, kept);
    return Promise.resolve();
  }

  check({ id }: SessionRecord): Promise<void> {
    this.living(id);
    return Promise.resolve();
  }

  setLogLevel({ id }: SessionRecord, logLevel: LoggingLevel): Promise<void> {
    const kept = this.kept.get(id);
    if (kept) kept.session = { ...kept.session, logLevel };
    return Promise.resolve();
  }

  end({ id }: SessionRecord): Promise<void> {
    this.forget(id);
    return Promise.resolve();
  }

  claimStream(): Promise<StreamClaim> {
    return Promise.resolve(CLAIM);
  }

  onEnded(listener: (tag: string) => void): void {
    this.listeners.add(listener);
  }

  onApplicationShutdown(): void {
    clearInterval(this.sweeper);
  }

  /** Goes on with a session of a process before this one. */
  private takeOver(id: string, keyHash: string): Kept | undefined {
    const opened = this.ids.open(id, keyHash);
    if (!opened) return undefined;
    const tag = tagOf(id);
    return this.ended.has(tag) ? undefined : this.keep({ ...opened, id, tag }, true);
  }

  private keep(session: SessionRecord, isTakenOver: boolean): Kept | undefined {
    const { id, keyHash } = session;
    if (this.isFull(keyHash)) return undefined;
    this.makeRoom();
    const kept = { session, lastUsed: Date.now(), isTakenOver };
    this.kept.set(id, kept);
    this.addTo(keyHash, 1);
    return kept;
  }

  private living(id: string): Kept | undefined {
    const kept = this.kept.get(id);
    if (!kept || !this.isOver(kept)) return kept;
    this.forget(id);
    return undefined;
  }

  /** Not with every request: to move an entry costs more than the look-up. */
  private touch(id: string, kept: Kept): void {
    const now = Date.now();
    if (now - kept.lastUsed < this.idleMs / STEPS_PER_IDLE_TIME) return;
    kept.lastUsed = now;
    this.kept.delete(id);
    this.kept.set(id, kept);
  }

  private sweep(): void {
    for (const [id, kept] of this.kept) {
      if (!this.isOver(kept)) return;
      this.forget(id);
    }
  }

  private isOver({ lastUsed }: Kept): boolean {
    return Date.now() - lastUsed >= this.idleMs;
  }

  private isFull(keyHash: string): boolean {
    if ((this.perKey.get(keyHash) ?? 0) < this.maxPerKey) return false;
    this.sweep();
    return (this.perKey.get(keyHash) ?? 0) >= this.maxPerKey;
  }

  private makeRoom(): void {
    const [longestIdle] = this.kept.keys();
    if (this.kept.size < CAP || longestIdle === undefined) return;
    this.bounds.count('sessions');
    this.forget(longestIdle);
  }

  private addTo(keyHash: string, change: 1 | -1): void {
    const count = (this.perKey.get(keyHash) ?? 0) + change;
    if (count > 0) this.perKey.set(keyHash, count);
    else this.perKey.delete(keyHash);
  }

  private forget(id: string): void {
    const kept = this.kept.get(id);
    if (!kept) return;
    this.kept.delete(id);
    const { tag, keyHash } = kept.session;
    this.addTo(keyHash, -1);
    if (kept.isTakenOver) this.rememberEnded(tag);
    for (const listener of this.listeners) listener(tag);
  }

  private rememberEnded(tag: string): void {
    const [oldest] = this.ended;
    if (this.ended.size >= ENDED_CAP && oldest !== undefined) this.ended.delete(oldest);
    this.ended.add(tag);
  }
}

/** Ids are long, and their random part is a client's to choose. */
const tagOf = (id: string): string => hash('sha256', id, 'base64url');
