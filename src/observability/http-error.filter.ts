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
    const { retry_after_seconds: seconds, last_failure } = detailsOf(exception);
    if (typeof seconds === 'number') response.setHeader('Retry-After', seconds);
    // The route may have set another type already.
    response
      .status(status)
      .type('json')
      .json({ error_message: message, ...(last_failure && { last_failure }) });
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

interface ErrorDetails {
  /** When the same request may succeed. */
  readonly retry_after_seconds?: unknown;
  /** Why the service that was called fails. */
  readonly last_failure?: object;
}

/** What an exception was made with beside its message. */
function detailsOf(exception: unknown): ErrorDetails {
  const body = exception instanceof HttpException ? exception.getResponse() : undefined;
  return typeof body === 'object' ? body : {};
}
