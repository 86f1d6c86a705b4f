import { type Listed, Roster } from '../calls/index.js';

/** How often it is looked who waits too long, within the time they may. */
const LOOKS = 10;

interface Waiting extends Listed {
  readonly since: number;
  readonly onLate: () => void;
}

/** Ends what takes too long. One timer for all of it: nearly nothing does, and a timer each would cost every request. */
export class Patience {
  private readonly waiting = new Roster<Waiting>();
  private readonly clock: NodeJS.Timeout;
  private now = 0;

  constructor(limitMs: number) {
    this.clock = setInterval(() => this.look(), limitMs / LOOKS).unref();
  }

  start(onLate: () => void): Waiting {
    const waiting = { since: this.now, onLate };
    this.waiting.add(waiting);
    return waiting;
  }

  stop(waiting: Waiting): void {
    this.waiting.delete(waiting);
  }

  end(): void {
    clearInterval(this.clock);
  }

  private look(): void {
    this.now += 1;
    for (const waiting of this.waiting) {
      if (this.now - waiting.since <= LOOKS) continue;
      this.waiting.delete(waiting);
      waiting.onLate();
    }
  }
}
