import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';

/** Lets a request to `/r` in with an integration key; 401 without, 403 when the key lacks what the route requires. */
@Injectable()
export class IntegrationKeyGuard implements CanActivate {
  canActivate(_context: ExecutionContext): Promise<boolean> {
    return Promise.reject(new Error('being built'));
  }
}
