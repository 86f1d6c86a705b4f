/** Wakes one waiter; a notification that arrives while nothing waits is kept. */
export class EventSignal {
  private isNotified = false;
  private wake: ((isNotified: boolean) => void) | undefined;

  constructor(private readonly over: AbortSignal) {
    over.addEventListener('abort', () => this.wake?.(false), { once: true });
  }

  get isOver(): boolean {
    return this.over.aborted;
  }

  notify(): void {
    this.isNotified = true;
    this.wake?.(true);
  }

  /** Waits for a notification; `false` after the timeout, or when it is over. For one waiter at a time. */
  async wait(timeoutMs: number): Promise<boolean> {
    if (!this.isNotified && !this.isOver) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<boolean>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(() => resolve(false), timeoutMs);
      });
      clearTimeout(timer);
      this.wake = undefined;
    }
    const wasNotified = this.isNotified;
    this.isNotified = false;
    return wasNotified;
  }
}
