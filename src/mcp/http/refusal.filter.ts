import { randomUUID } from 'node:crypto';

import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { Bounds } from '../calls/index.js';
import { CODE, Refusal } from '../protocol/index.js';
import { sendRefusal } from './send-refusal.js';

const FAILED = 500;

/**
 * The last word on the MCP route, closer than any global filter: whatever is thrown there, by a stranger's guard too,
 * leaves as a JSON-RPC error.
 */
@Catch()
export class RefusalFilter implements ExceptionFilter {
  private readonly logger = new Logger(RefusalFilter.name);

  constructor(private readonly bounds: Bounds) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    this.answer(exception, host.switchToHttp().getResponse<ServerResponse>());
  }

  /** Answers with what was thrown, as far as that is for clients to know. */
  answer(exception: unknown, response: ServerResponse): void {
    const refusal = this.refusalFor(exception);
    if (refusal.bound) this.bounds.count(refusal.bound);
    sendRefusal(refusal, response);
  }

  private refusalFor(exception: unknown): Refusal {
    if (exception instanceof Refusal) return exception;
    if (exception instanceof HttpException && exception.getStatus() < FAILED) {
      return new Refusal(exception.getStatus(), CODE.refused, exception.message);
    }
    const reference = randomUUID();
    this.logger.error({ reference, error: exception });
    return new Refusal(FAILED, CODE.internalError, `Internal server error. Report reference ${reference}.`);
  }
}
