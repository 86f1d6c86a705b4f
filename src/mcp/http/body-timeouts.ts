import { type Indexed, IndexedSet } from '../calls/index.js';

/** How often it is looked who waits too long, within the time they may. */
const CHECKS_PER_LIMIT = 10;

interface Pending extends Indexed {
  readonly since: number;
  readonly onTimeout: () => void;
}

/** Ends what takes too long. One timer for all of it: nearly nothing does, and a timer each would cost every request. */
export class BodyTimeouts {
  private readonly waiting = new IndexedSet<Pending>();
  private readonly clock: NodeJS.Timeout;
  private now = 0;

  constructor(limitMs: number) {
    this.clock = setInterval(() => this.checkAll(), limitMs / CHECKS_PER_LIMIT).unref();
  }

  start(onTimeout: () => void): Pending {
    const waiting = { since: this.now, onTimeout };
    this.waiting.add(waiting);
    return waiting;
  }

  stop(waiting: Pending): void {
    this.waiting.delete(waiting);
  }

  end(): void {
    clearInterval(this.clock);
  }

  private checkAll(): void {
    this.now += 1;
    for (const waiting of this.waiting) {
      if (this.now - waiting.since <= CHECKS_PER_LIMIT) continue;
      this.waiting.delete(waiting);
      waiting.onTimeout();
    }
  }
}
