import type { StreamLease } from './session-store.js';

/** A claim that nobody renews is over after this time; so one of a replica that died is. */
export const LEASE_MS = 10_000;
const RENEWAL_MS = 3000;

interface LeaseActions {
  /** Says how things stand, and makes the claim last longer if it is ours. */
  readonly hold: () => Promise<'held' | 'taken' | 'ended'>;
  readonly release: () => Promise<unknown>;
  /** Tells the other replicas to see whether their claims are still theirs. */
  readonly announceTakeover: () => void;
  readonly onEnded: () => void;
}

/** The one standalone stream of a session, held until a newer one has it and for as long as it is renewed. */
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

  /** Sees whether it is still ours, and makes it last longer if so. */
  async renew(): Promise<void> {
    // While Redis is away the stream stays open: if nobody takes it until then, the next renewal claims it again.
    const state = await this.held.hold().catch(() => 'held' as const);
    if (state === 'held') return;
    // There is nothing left to hold, even if nobody releases it.
    clearInterval(this.renewal);
    if (state === 'ended') this.held.onEnded();
    else for (const listener of this.listeners) listener();
  }
}
