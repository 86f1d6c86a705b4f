/** The time for an answer is up. */
export class DeadlinePassed extends Error {
  override readonly name = 'DeadlinePassed';
}

/** One signal that ends a request when its caller gives up or its time is up, whichever comes first. */
export class Cutoff implements Disposable {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private timeoutMs: number | undefined;
  private readonly giveUp = (): void => this.controller.abort(this.caller.reason);

  private readonly expire = (): void =>
    this.controller.abort(new DeadlinePassed(`nothing within ${this.timeoutMs} ms`));

  constructor(
    private readonly caller: AbortSignal,
    timeoutMs: number,
  ) {
    caller.addEventListener('abort', this.giveUp, { once: true });
    if (caller.aborted) this.giveUp();
    this.restart(timeoutMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Sets the time left anew. */
  restart(timeoutMs: number): void {
    if (timeoutMs === this.timeoutMs) {
      this.timer?.refresh();
      return;
    }
    this.timeoutMs = timeoutMs;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.expire, timeoutMs).unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.caller.removeEventListener('abort', this.giveUp);
  }
}
