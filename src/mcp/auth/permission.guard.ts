import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';

import { ForbiddenCall } from '../protocol/index.js';
import { isAllowed, type McpHttpRequest, mcpRequestOf } from './mcp-http-request.js';

const PERMISSION = 'cyberun:permission';

/**
 * Rejects a call that the permissions of the key, or the scopes of an access token, do not allow; where permissions are not
 * known, the runtime decides.
 */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): true {
    const request = mcpRequestOf(context);
    const needed = this.reflector.get<string | undefined>(PERMISSION, context.getHandler());
    if (needed === undefined || !request) return true;
    const { auth } = request;
    if (isAllowed(auth, needed)) return true;
    throw new ForbiddenCall(`Forbidden: ${reasonFor(auth, needed)}`);
  }
}

function reasonFor({ withheld, expiresAt }: McpHttpRequest['auth'], needed: string): string {
  if (withheld?.has(needed))
    return `the access token lacks the scope for the permission "${needed}". Do not retry; ask the user to sign in again and to allow it.`;
  // Only an access token expires here.
  if (expiresAt !== undefined)
    return `the key of your team lacks the permission "${needed}". Do not retry; ask the user for access that includes it.`;
  return `the integration key lacks the permission "${needed}". Do not retry; ask the user for a key that has it.`;
}

/** The permission that the method of a tool needs, if any. */
export const permissionOf = (method: object): string | undefined =>
  Reflect.getMetadata(PERMISSION, method) as string | undefined;

/** Marks a tool that only keys with this permission may call. */
export const RequiresPermission = (permission: string): MethodDecorator =>
  applyDecorators(SetMetadata(PERMISSION, permission), UseGuards(PermissionGuard));
