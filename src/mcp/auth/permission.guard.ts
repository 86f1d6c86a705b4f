import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { McpContext } from '@rekog/mcp-nest';

import { ToolError } from '../protocol/index.js';
import type { McpHttpRequest } from './bearer.guard.js';
import { KeyValidator } from './key-validator.js';

const PERMISSION = 'cyberun:permission';

/**
 * Rejects a call when the cached permissions of the key do not allow it; without cached permissions the runtime
 * decides.
 */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly validator: KeyValidator,
  ) {}

  canActivate(context: ExecutionContext): true {
    const call: unknown = context.getType() === 'rpc' ? context.switchToRpc().getContext() : undefined;
    const needed = this.reflector.get<string | undefined>(PERMISSION, context.getHandler());
    if (needed === undefined || !(call instanceof McpContext)) return true;
    const { keyHash } = (call.getRawRequest() as McpHttpRequest).auth;
    const permissions = this.validator.cached(keyHash)?.permissions;
    if (permissions === undefined || permissions.has(needed)) return true;
    throw new ToolError(
      `Forbidden: the integration key lacks the permission "${needed}". Do not retry; ask the user for a key that has it.`,
    );
  }
}

/** The permission that the method of a tool needs, if any. */
export const permissionOf = (method: object): string | undefined =>
  Reflect.getMetadata(PERMISSION, method) as string | undefined;

/** Marks a tool that only keys with this permission may call. */
export const RequiresPermission = (permission: string): MethodDecorator =>
  applyDecorators(SetMetadata(PERMISSION, permission), UseGuards(PermissionGuard));
