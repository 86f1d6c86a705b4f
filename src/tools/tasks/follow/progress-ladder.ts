/** Highest rung before the end: only the end of the task reaches 1. */
const CEILING = 0.99;
/** Share of what is left that a rung of no news takes, so that there is always room for more. */
const SMALLEST_STEP = 0.0001;

/** Turns whatever progress a task reports into the strictly increasing numbers MCP wants. */
export class ProgressLadder {
  private last = 0;

  /** Next number for a task that reports `value`; a value that was passed already gives a tiny step. */
  next(value = 0): number {
    const wanted = Math.min(value, CEILING);
    this.last = wanted > this.last ? wanted : this.last + (1 - this.last) * SMALLEST_STEP;
    return this.last;
  }

  /** Whether the last number is the one that was reported, as near as a person cares. */
  isAt(value: number): boolean {
    return Math.abs(this.last - value) < 0.02;
  }
}
