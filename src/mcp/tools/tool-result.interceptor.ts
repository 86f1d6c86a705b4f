import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';

import { ToolContext } from './tool-context.js';
import { ToolErrorMapper } from './tool-error-mapper.js';
import { unreadInputOf } from './tool-input.decorator.js';
import { toToolResult } from './tool-result.js';

/**
 * Wraps what a tool returns, or the reason it failed, in a tool result. An exception that is not ours goes on to the
 * exception filters first; the transport has the last word.
 */
@Injectable()
export class ToolResultInterceptor implements NestInterceptor<unknown, unknown> {
  constructor(private readonly errors: ToolErrorMapper) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const call: unknown = context.getType() === 'rpc' ? context.switchToRpc().getContext() : undefined;
    if (!(call instanceof ToolContext)) return next.handle();
    return defer(() => {
      // Arguments that no parameter of the method reads; the others are read by its pipe.
      unreadInputOf(context.getHandler())?.read(context.switchToRpc().getData());
      return next.handle();
    }).pipe(
      map(toToolResult),
      catchError((error: unknown) => {
        if (this.errors.isKnown(error)) return of(this.errors.toToolResult(call, error));
        call.thrown = error;
        return throwError(() => error);
      }),
    );
  }
}

/**
 * Keeps what others threw around a tool, outside our interceptor, as it was thrown: Nest's own filter hides it, and the
 * transport has the last word on it. Exception filters get it unchanged.
 */
export const recordThrown = (
  context: ExecutionContext,
  next: () => Observable<unknown>,
): Observable<unknown> =>
  next().pipe(
    catchError((error: unknown) => {
      const call: unknown = context.switchToRpc().getContext();
      if (call instanceof ToolContext) call.thrown = error;
      return throwError(() => error);
    }),
  );
