import type { ServerResponse } from 'node:http';

import type { Limits } from '../config/index.js';

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

/** Unread responses up to this size are not counted. */
const LIGHT = 65_536;

/**
 * Responses that clients have not read yet. While they take too much memory, the memory budget admits no large response
 * of the runtime, and connections that do not read are closed after a shorter timeout.
 */
export class WriteBacklog {
  private readonly unread = new Set<ServerResponse>();
  private readonly most: number;
  private readonly shortStallMs: number;
  private bytes = 0;

  constructor(
    private readonly budget: MemoryBudget,
    limits: Pick<Limits, 'unreadBytes' | 'shortStallMs'>,
  ) {
    this.most = limits.unreadBytes;
    this.shortStallMs = limits.shortStallMs;
  }

  /** Counts the unread part of a response until it is read or the connection closes. */
  keep(response: ServerResponse): void {
    const bytes = response.writableLength;
    if (bytes <= LIGHT || response.destroyed) return;
    this.add(response, bytes);
    response.once('close', () => {
      this.unread.delete(response);
      this.bytes -= bytes;
      if (this.bytes <= this.most) this.budget.open();
    });
  }

  private add(response: ServerResponse, bytes: number): void {
    this.unread.add(response);
    this.bytes += bytes;
    if (this.bytes <= this.most) return;
    this.budget.close();
    for (const { socket } of this.unread) {
      // Setting it restarts the timer.
      if (socket?.timeout !== this.shortStallMs) socket?.setTimeout(this.shortStallMs);
    }
  }
}
