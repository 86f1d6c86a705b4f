/** A wake-up that is not lost when it comes before somebody waits. */
export class Bell {
  private isRung = false;
  private wake: ((isRung: boolean) => void) | undefined;

  constructor(private readonly over: AbortSignal) {
    over.addEventListener('abort', () => this.wake?.(false), { once: true });
  }

  /** Nobody needs waking any more. */
  get isOver(): boolean {
    return this.over.aborted;
  }

  ring(): void {
    this.isRung = true;
    this.wake?.(true);
  }

  /** Waits for the bell; `false` when it stayed silent, or is over. One waiter at a time. */
  async rings(patienceMs: number): Promise<boolean> {
    if (!this.isRung && !this.isOver) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<boolean>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(() => resolve(false), patienceMs);
      });
      clearTimeout(timer);
      this.wake = undefined;
    }
    const wasRung = this.isRung;
    this.isRung = false;
    return wasRung;
  }
}
