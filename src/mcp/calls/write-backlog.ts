import { Inject, Injectable } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { CONFIG, type Config } from '../../config/index.js';
import { MemoryBudget } from '../../http/index.js';

/** What is left unread of an answer up to this size is not accounted for. */
const LIGHT = 65_536;

/**
 * Answers that their clients have not read yet. While they take too much memory, no large answer of the runtime is let
 * in, and who does not read at all is cut soon.
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

  /** Accounts for what is left of an answer, until it is read or its client is gone. */
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
      // The time begins anew whenever it is set.
      if (socket?.timeout !== this.shortStallMs) socket?.setTimeout(this.shortStallMs);
    }
  }
}
