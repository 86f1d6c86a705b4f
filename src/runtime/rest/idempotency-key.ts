import { BadRequestException, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';

/** 1 to 255 printable characters of ASCII. */
const KEY = /^[\x20-\x7e]{1,255}$/;

/**
 * Parameter decorator: the Idempotency-Key of the request, if it has one.
 *
 * @throws {BadRequestException} when it is empty, too long or not printable.
 */
export const IdempotencyKey = createParamDecorator(
  (_data: unknown, context: ExecutionContext): string | undefined => {
    const key = context.switchToHttp().getRequest<Request>().get('idempotency-key');
    if (key === undefined || KEY.test(key)) return key;
    throw new BadRequestException(
      'The header Idempotency-Key must have 1 to 255 printable ASCII characters, for example a UUID.',
    );
  },
);
