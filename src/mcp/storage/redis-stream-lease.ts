import type { StreamLease } from './session-store.js';

/** A lease that is not renewed expires after this time, such as that of a dead replica. */
export const LEASE_MS = 10_000;
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
export class RedisStreamLease implements StreamLease {
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
