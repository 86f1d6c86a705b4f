import { Inject, Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { CONFIG, type Config } from '../../config/index.js';
import { MemoryBudget } from '../../http/index.js';

/** Unread responses up to this size are not counted. */
const LIGHT = 65_536;

/**
 * Responses that clients have not read yet. While they take too much memory, the memory budget admits no large response
 * of the runtime, and connections that do not read are closed after a shorter timeout.
 */
@Injectable()
export class WriteBacklog {
  private readonly unread = new Set<ServerResponse>();
  private readonly most: number;
  private readonly shortStallMs: number;
  private bytes = 0;

  constructor(
    private readonly budget: MemoryBudget,
    @Inject(CONFIG) { limits }: Config,
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
