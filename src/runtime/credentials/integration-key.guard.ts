import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Response } from 'express';

import { bearerToken } from '../../http/index.js';
import type { Credential, Permission } from './credential.js';
import { type AuthenticatedRequest, REQUIRED_PERMISSION } from './credential.decorators.js';
import { CredentialsService } from './credentials.service.js';
import { OpenCalls } from './open-calls.js';

/** Tells callers what their key may do, so that they need not find out by being refused. */
const PERMISSIONS_HEADER = 'Cyberun-Permissions';

/** Lets a request to `/r` in with an integration key; 401 without, 403 when the key lacks what the route requires. */
@Injectable()
export class IntegrationKeyGuard implements CanActivate {
  constructor(
    private readonly credentials: CredentialsService,
    private readonly openCalls: OpenCalls,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const response = http.getResponse<Response>();
    const credential = await this.credentialOf(request, response);
    request.credential = credential;
    response.setHeader(PERMISSIONS_HEADER, [...credential.permissions].join(', '));
    const required = this.reflector.getAllAndOverride<Permission | undefined>(REQUIRED_PERMISSION, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (required === undefined || credential.permissions.has(required)) return true;
    throw new ForbiddenException(
      `This key lacks the permission "${required}". Use a key that has it; an operator can create one.`,
    );
  }

  private async credentialOf(request: AuthenticatedRequest, response: Response): Promise<Credential> {
    const rawKey = bearerToken(request.headers.authorization);
    if (rawKey === undefined) {
      response.setHeader('WWW-Authenticate', 'Bearer');
      throw new UnauthorizedException('Send an integration key: "Authorization: Bearer sk-…".');
    }
    const credential = await this.credentials.authenticate(rawKey);
    if (credential?.kind === 'integration') {
      this.openCalls.watch(response, rawKey);
      return credential;
    }
    response.setHeader('WWW-Authenticate', 'Bearer error="invalid_token"');
    throw new UnauthorizedException(
      'This is not a valid integration key: it must begin with "sk-" and be neither revoked nor expired.',
    );
  }
}
