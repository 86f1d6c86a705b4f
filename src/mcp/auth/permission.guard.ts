import {
  applyDecorators,
  type CanActivate,
  type ExecutionContext,
  Injectable,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';

import { ToolError } from '../errors/tool-error.js';
import { ToolContext } from '../tools/tool-context.js';
import { KeyVerdicts } from './key-verdicts.js';

const PERMISSION = 'cyberun:permission';

/** Refuses a call at once when the runtime has told us that the key may not make it; otherwise the runtime decides. */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly verdicts: KeyVerdicts,
  ) {}

  canActivate(context: ExecutionContext): true {
    const call: unknown = context.getType() === 'rpc' ? context.switchToRpc().getContext() : undefined;
    const needed = this.reflector.get<string | undefined>(PERMISSION, context.getHandler());
    if (needed === undefined || !(call instanceof ToolContext)) return true;
    const permissions = this.verdicts.known(call.keyHash)?.permissions;
    if (permissions === undefined || permissions.has(needed)) return true;
    throw new ToolError(
      `Forbidden: the integration key lacks the permission "${needed}". Do not retry; ask the user for a key that has it.`,
    );
  }
}

/** Marks a tool that only keys with this permission may call. */
export const RequiresPermission = (permission: string): MethodDecorator =>
  applyDecorators(SetMetadata(PERMISSION, permission), UseGuards(PermissionGuard));
