export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
}

/** An abort signal that fires when the caller aborts or the time is up, whichever comes first. */
export class Deadline implements Disposable {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private timeoutMs: number | undefined;
  private readonly abort = (): void => this.controller.abort(this.caller.reason);

  private readonly expire = (): void =>
    this.controller.abort(new DeadlineExceeded(`nothing within ${this.timeoutMs} ms`));

  constructor(
    private readonly caller: AbortSignal,
    timeoutMs: number,
  ) {
    caller.addEventListener('abort', this.abort, { once: true });
    if (caller.aborted) this.abort();
    this.restart(timeoutMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Starts the timer again; cheap when the timeout is unchanged. */
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
    this.caller.removeEventListener('abort', this.abort);
  }
}
