import { randomBytes } from 'node:crypto';

import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { LoggingLevel } from '@modelcontextprotocol/server';

import { CONFIG, type Config } from '../../config/index.js';
import { type Opened, type SessionRecord, Sessions, type StreamClaim } from './sessions.js';

const ID_BYTES = 16;
const CAP = 10_000;
const LONGEST_SWEEP_MS = 30_000;

interface Kept {
  session: SessionRecord;
  lastUsed: number;
  hasStream: boolean;
}

/** Sessions of one process. The map keeps them in the order of their last use, so the first is the next to end. */
@Injectable()
export class MemorySessions extends Sessions implements OnApplicationShutdown {
  private readonly kept = new Map<string, Kept>();
  private readonly listeners = new Set<(tag: string) => void>();
  private readonly idleMs: number;
  private readonly sweeper: NodeJS.Timeout;

  constructor(@Inject(CONFIG) { mcpSessionIdleSeconds }: Config) {
    super();
    this.idleMs = mcpSessionIdleSeconds * 1000;
    this.sweeper = setInterval(() => this.sweep(), Math.min(this.idleMs / 2, LONGEST_SWEEP_MS)).unref();
  }

  open(opened: Opened): Promise<SessionRecord> {
    const [longestIdle] = this.kept.keys();
    if (this.kept.size >= CAP && longestIdle !== undefined) this.forget(longestIdle);
    const id = randomBytes(ID_BYTES).toString('base64url');
    const session = { ...opened, id, tag: id };
    this.kept.set(session.id, { session, lastUsed: Date.now(), hasStream: false });
    return Promise.resolve(session);
  }

  find(id: string, keyHash: string): Promise<SessionRecord | undefined> {
    const kept = this.living(id);
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

  claimStream({ id }: SessionRecord): Promise<StreamClaim | undefined> {
    const kept = this.kept.get(id);
    if (!kept || kept.hasStream) return Promise.resolve(undefined);
    kept.hasStream = true;
    const release = (): Promise<void> => {
      kept.hasStream = false;
      return Promise.resolve();
    };
    return Promise.resolve({ release, onLost: () => undefined });
  }

  onEnded(listener: (tag: string) => void): void {
    this.listeners.add(listener);
  }

  onApplicationShutdown(): void {
    clearInterval(this.sweeper);
  }

  private living(id: string): Kept | undefined {
    const kept = this.kept.get(id);
    if (!kept || !this.isOver(kept)) return kept;
    this.forget(id);
    return undefined;
  }

  private touch(id: string, kept: Kept): void {
    kept.lastUsed = Date.now();
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

  private forget(id: string): void {
    if (this.kept.delete(id)) for (const listener of this.listeners) listener(id);
  }
}
