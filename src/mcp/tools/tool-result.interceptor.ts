import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { catchError, defer, map, type Observable, of, throwError } from 'rxjs';

import { ToolContext } from './tool-context.js';
import { ToolErrorMapper } from './tool-error-mapper.js';
import { unreadInputOf } from './tool-input.decorator.js';
import { toToolResult } from './tool-result.js';

/**
 * Wraps the value or error of a tool in a tool result. An exception that is not the product's own goes on to the
 * exception filters first; {@link ToolRunner} then handles the rest.
 */
@Injectable()
export class ToolResultInterceptor implements NestInterceptor<unknown, unknown> {
  constructor(private readonly errors: ToolErrorMapper) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const call: unknown = context.getType() === 'rpc' ? context.switchToRpc().getContext() : undefined;
    if (!(call instanceof ToolContext)) return next.handle();
    return defer(() => {
      // For methods without `@ToolInput`; its pipe reads the arguments of the others.
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
 * Records exceptions thrown around a tool outside the interceptor, because Nest's own filter hides them from
 * {@link ToolRunner}. Exception filters get them unchanged.
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
