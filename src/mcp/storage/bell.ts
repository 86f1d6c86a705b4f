/** Wakes one who waits. A ring while nobody waits is heard by the next one. */
export class Bell {
  private rung = Promise.withResolvers<void>();

  ring(): void {
    this.rung.resolve();
  }

  /** Resolves at the next ring, or when it did not come in time. */
  async heard(limitMs: number): Promise<void> {
    const timer = setTimeout(() => this.ring(), limitMs).unref();
    await this.rung.promise;
    clearTimeout(timer);
    this.rung = Promise.withResolvers();
  }
}
