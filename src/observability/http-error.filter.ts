import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  HttpStatus,
  Logger,
} from '@nestjs/common';
import type { Response } from 'express';
import { type Observable, throwError } from 'rxjs';

import { closeUnlessRead, logWithReference } from '../http/index.js';

/**
 * The last filter for HTTP: every exception of a route becomes `{ error_message }` (the Runtime API's error shape). A
 * message from outside the product goes to the log only. Tool calls have their own filter.
 */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(HttpErrorFilter.name);

  catch(exception: unknown, host: ArgumentsHost): void | Observable<never> {
    if (host.getType() !== 'http') return throwError(() => exception);
    const response = host.switchToHttp().getResponse<Response>();
    const { status, message } = this.explain(exception);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    closeUnlessRead(response);
    const seconds = exception instanceof HttpException && retryAfterOf(exception);
    if (typeof seconds === 'number') response.setHeader('Retry-After', seconds);
    // The route may have set another type already.
    response.status(status).type('json').json({ error_message: message });
  }

  private explain(exception: unknown): { status: number; message: string } {
    if (exception instanceof HttpException) {
      return { status: exception.getStatus(), message: messageOf(exception) };
    }
    const reference = logWithReference(this.logger, { error: exception });
    return {
      status: HttpStatus.INTERNAL_SERVER_ERROR,
      message: `This server failed. Report reference ${reference}.`,
    };
  }
}

/** Nest's validation pipe has a list of sentences beside the message; they say more. */
function messageOf(exception: HttpException): string {
  const body = exception.getResponse();
  const message: unknown = typeof body === 'object' ? Reflect.get(body, 'message') : undefined;
  return Array.isArray(message) ? message.join('; ') : exception.message;
}

/** An exception made with `{ message, retry_after_seconds }` says when the same request may succeed. */
function retryAfterOf(exception: HttpException): unknown {
  const body = exception.getResponse();
  return typeof body === 'object' ? Reflect.get(body, 'retry_after_seconds') : undefined;
}
