import { HttpException, Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';

import { CONFIG, type Config } from '../../config/index.js';
import { MemoryBudget } from '../../http/index.js';

/** Up to this size a response needs no budget; nearly all are smaller. */
const LIGHT = 65_536;

/** Memory budget for large responses of REST calls. */
@Injectable()
export class AnswerBudget {
  private readonly budget: MemoryBudget;

  constructor(@Inject(CONFIG) { limits }: Pick<Config, 'limits'>) {
    this.budget = new MemoryBudget(limits.answersBytes);
  }

  /**
   * Waits until so many bytes are reserved for a response, until it is closed.
   *
   * @throws {HttpException} when the caller went away meanwhile.
   */
  async take(response: Response, bytes: number): Promise<void> {
    if (bytes <= LIGHT) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = (): void => resolve();
    response.once('close', () => {
      this.budget.release(waiter);
      resolve();
    });
    if (!response.closed && !this.budget.reserve(waiter, bytes)) await promise;
    if (response.closed) {
      this.budget.release(waiter);
      throw new HttpException('The caller is gone.', 499);
    }
  }
}
