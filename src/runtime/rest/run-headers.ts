import { BadRequestException, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';

import { ASK_FIRST, CONFIRM_HEADER } from '../../contract/index.js';

/** 1 to 255 printable characters of ASCII. */
const KEY = /^[\x20-\x7e]{1,255}$/;

/** What the headers of a run say. */
export interface RunHeaders {
  /** Whether the run is to be refused when its workflow wants a confirmation. */
  readonly asksFirst: boolean;
  readonly idempotencyKey: string | undefined;
}

/**
 * Parameter decorator: the headers of a run.
 *
 * @throws {BadRequestException} for a header with a value that it cannot have.
 */
export const HeadersOfRun = createParamDecorator((_data: unknown, context: ExecutionContext): RunHeaders => {
  const request = context.switchToHttp().getRequest<Request>();
  const idempotencyKey = request.get('idempotency-key');
  if (idempotencyKey !== undefined && !KEY.test(idempotencyKey)) {
    throw new BadRequestException(
      'The header Idempotency-Key must have 1 to 255 printable ASCII characters, for example a UUID.',
    );
  }
  const confirm = request.get(CONFIRM_HEADER);
  if (confirm !== undefined && confirm !== ASK_FIRST) {
    throw new BadRequestException(
      'The header Cyberun-Confirm must be "ask"; leave it out when the run is confirmed.',
    );
  }
  return { asksFirst: confirm !== undefined, idempotencyKey };
});
