/** Identifies a reservation; called when the bytes it had to wait for are reserved. */
export type Waiter = () => void;

/**
 * Memory for large responses while they are read, parsed and made into results, which takes a dozen times their size.
 * Waiters queue in FIFO order. One reservation is always admitted: otherwise responses that hold some memory and need
 * more would wait for each other.
 */
export class MemoryBudget {
  private readonly reserved = new Map<Waiter, number>();
  private readonly queue = new Map<Waiter, number>();
  private total = 0;
  private isOpen = true;

  /** @param limit in bytes, for all reservations together. */
  constructor(private readonly limit: number) {}

  /** Asks for so many bytes, in place of those asked for before. Returns whether they are reserved now. */
  reserve(waiter: Waiter, bytes: number): boolean {
    this.queue.set(waiter, bytes);
    this.admit(waiter);
    return !this.queue.has(waiter);
  }

  /** Ends a reservation, or the wait for it. No effect for an unknown waiter. */
  release(waiter: Waiter): void {
    this.queue.delete(waiter);
    this.total -= this.reserved.get(waiter) ?? 0;
    this.reserved.delete(waiter);
    this.admit();
  }

  /** Admits no reservation until `open` is called; used while earlier responses take too much memory. */
  close(): void {
    this.isOpen = false;
  }

  open(): void {
    this.isOpen = true;
    this.admit();
  }

  private admit(asking?: Waiter): void {
    for (const [waiter, bytes] of this.queue) {
      const more = bytes - (this.reserved.get(waiter) ?? 0);
      const fits = this.total + more <= this.limit || !this.isAnyActive();
      if (!fits || !this.isOpen) return;
      this.queue.delete(waiter);
      this.reserved.set(waiter, bytes);
      this.total += more;
      // Not synchronously: undici's parser cannot resume while another one is running.
      if (waiter !== asking) queueMicrotask(waiter);
    }
  }

  /** Whether a reservation exists that does not wait for more. */
  private isAnyActive(): boolean {
    for (const waiter of this.reserved.keys()) if (!this.queue.has(waiter)) return true;
    return false;
  }
}
