/** The time of one call of a service: for finding a replica, for the head of its answer and for the body together. */
export class CallDeadline {
  private readonly end: number;

  constructor(readonly limitMs: number) {
    this.end = performance.now() + limitMs;
  }

  /** At least a millisecond: a call that is out of time still ends as one. */
  get leftMs(): number {
    return Math.max(1, Math.ceil(this.end - performance.now()));
  }
}

/** A limit in seconds for a sentence. */
export const inSeconds = (ms: number): number => Math.round(ms / 100) / 10;
