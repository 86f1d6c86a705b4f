import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  SetMetadata,
  UseInterceptors,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import type { Observable } from 'rxjs';

import { JsonBodies } from './json-bodies.js';

const BODY_LIMIT = Symbol('BODY_LIMIT');

/** Reads the body between guards and pipes: a request that is not let in costs no more than its headers. */
@Injectable()
export class JsonBodyInterceptor implements NestInterceptor {
  constructor(
    private readonly bodies: JsonBodies,
    private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const limit = this.reflector.get<number>(BODY_LIMIT, context.getHandler());
    request.body = await this.bodies.read(request, http.getResponse<Response>(), limit);
    return next.handle();
  }
}

/** The route has a JSON body of at most so many bytes; without this decorator a body is never read. */
export const JsonBody = (limitBytes: number): MethodDecorator =>
  applyDecorators(SetMetadata(BODY_LIMIT, limitBytes), UseInterceptors(JsonBodyInterceptor));
