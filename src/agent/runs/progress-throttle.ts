import type { RunProgress } from '../../contract/index.js';

/** So many reports may come at once … */
const BURST = 50;
/** … and afterwards one in this time; each becomes a row and a message to whoever follows the task. */
const REFILL_MS = 50;

/** Passes progress on, but never floods: of reports that come too fast the latest survives. */
export class ProgressThrottle {
  private tokens = BURST;
  private filledAt = performance.now();
  private latest: RunProgress | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly pass: (progress: RunProgress) => void) {}

  add(progress: RunProgress): void {
    this.refill();
    this.latest = progress;
    if (this.tokens >= 1) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), REFILL_MS);
  }

  /** Passes on what is held back; nothing comes later. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { latest } = this;
    this.latest = undefined;
    if (latest === undefined) return;
    this.tokens = Math.max(0, this.tokens - 1);
    this.pass(latest);
  }

  private refill(): void {
    const now = performance.now();
    this.tokens = Math.min(BURST, this.tokens + (now - this.filledAt) / REFILL_MS);
    this.filledAt = now;
  }
}
