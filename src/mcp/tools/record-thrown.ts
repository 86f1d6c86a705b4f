import type { ExecutionContext } from '@nestjs/common';
import { catchError, type Observable, throwError } from 'rxjs';

import { ToolContext } from './tool-context.js';

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
