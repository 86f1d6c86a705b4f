import {
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import type { Request } from 'express';
import type { Observable } from 'rxjs';

import { NoFieldsDto } from './no-fields.dto.js';
import { refuseUnknown } from './rest-validation.pipe.js';

class NoQueryInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    refuseUnknown(context.switchToHttp().getRequest<Request>().query, 'query', NoFieldsDto);
    return next.handle();
  }
}

/** The route takes no query: what is sent there is refused by name, once the key is known to be good. */
export const NoQuery = (): MethodDecorator => UseInterceptors(new NoQueryInterceptor());
