import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Request } from 'express';

import type { Credential, Permission } from './credential.js';

/** Where {@link Requires} leaves its permission for the guard. */
export const REQUIRED_PERMISSION = Symbol('REQUIRED_PERMISSION');

/** A request the guard let in. */
export type AuthenticatedRequest = Request & { credential: Credential };

/** The route is for keys with this permission; others get 403. */
export const Requires = (permission: Permission) => SetMetadata(REQUIRED_PERMISSION, permission);

/** The {@link Credential} the guard found; only on routes behind it. */
export const CurrentCredential = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Credential =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().credential,
);
