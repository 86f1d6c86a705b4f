import { HttpException, Inject, Injectable } from '@nestjs/common';
import type { Response } from 'express';

import { CONFIG, type Config } from '../../config/index.js';
import { AnswerRoom } from '../../http/index.js';

/** Up to this size an answer needs no room; nearly all are smaller. */
const LIGHT = 65_536;

/** Memory for the large answers of REST calls, from the database or a service to the caller who reads them. */
@Injectable()
export class AnswerBudget {
  private readonly room: AnswerRoom;

  constructor(@Inject(CONFIG) { limits }: Pick<Config, 'limits'>) {
    this.room = new AnswerRoom(limits.answersBytes);
  }

  /**
   * Waits until there is room for an answer of so many bytes, which it has until the response is closed.
   *
   * @throws {HttpException} when the caller went away meanwhile.
   */
  async take(response: Response, bytes: number): Promise<void> {
    if (bytes <= LIGHT) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const guest = (): void => resolve();
    response.once('close', () => {
      this.room.leave(guest);
      resolve();
    });
    if (!response.closed && !this.room.ask(guest, bytes)) await promise;
    if (response.closed) {
      this.room.leave(guest);
      throw new HttpException('The caller is gone.', 499);
    }
  }
}
