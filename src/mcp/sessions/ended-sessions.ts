/** Longer than anybody waits for a session that is being looked up. */
const LOOKUP_MS = 10_000;

/** Tags of sessions that ended a moment ago: whoever found one before that must not bring it back to life. */
export class EndedSessions {
  private latest = new Set<string>();
  private earlier = new Set<string>();
  private readonly clock: NodeJS.Timeout;

  constructor() {
    this.clock = setInterval(() => this.forget(), LOOKUP_MS).unref();
  }

  add(sessionHash: string): void {
    this.latest.add(sessionHash);
  }

  has(sessionHash: string): boolean {
    return this.latest.has(sessionHash) || this.earlier.has(sessionHash);
  }

  end(): void {
    clearInterval(this.clock);
  }

  /** By halves, since many sessions may end at once and a timer is larger than a tag. */
  private forget(): void {
    this.earlier = this.latest;
    this.latest = new Set();
  }
}
