/** Wakes one who waits. A ring while nobody waits is heard by the next one. */
export class Signal {
  private notified = Promise.withResolvers<void>();

  notify(): void {
    this.notified.resolve();
  }

  /** Resolves at the next ring, or when it did not come in time. */
  async wait(limitMs: number): Promise<void> {
    const timer = setTimeout(() => this.notify(), limitMs).unref();
    await this.notified.promise;
    clearTimeout(timer);
    this.notified = Promise.withResolvers();
  }
}
