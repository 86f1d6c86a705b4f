import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { closeUnlessRead, logWithReference } from '../../http/index.js';
import { LimitCounter } from '../calls/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';

const FAILED = 500;

/**
 * Turns every exception on the MCP route into a JSON-RPC error, also one of a third-party guard. It is bound to the
 * controller, so it runs before global filters.
 */
@Catch()
export class JsonRpcErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger(JsonRpcErrorFilter.name);

  constructor(private readonly limitCounter: LimitCounter) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    this.answer(exception, host.switchToHttp().getResponse<ServerResponse>());
  }

  /** Sends the error, without details that clients must not see. */
  answer(exception: unknown, response: ServerResponse): void {
    const error = this.errorFor(exception);
    this.limitCounter.refused(error, response.req);
    sendJsonRpcError(error, response);
  }

  private errorFor(exception: unknown): JsonRpcHttpError {
    if (exception instanceof JsonRpcHttpError) return exception;
    if (exception instanceof HttpException && exception.getStatus() < FAILED) {
      return new JsonRpcHttpError(exception.getStatus(), CODE.serverError, exception.message);
    }
    const reference = logWithReference(this.logger, { error: exception });
    return new JsonRpcHttpError(
      FAILED,
      CODE.internalError,
      `Internal server error. Report reference ${reference}.`,
    );
  }
}

/** Sends the error, unless a response is already under way. */
export function sendJsonRpcError(error: JsonRpcHttpError, response: ServerResponse): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  closeUnlessRead(response);
  const { status, code, message, id, headers } = error;
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id });
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}
