import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  SetMetadata,
  UnauthorizedException,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';

import { CREDENTIAL_HEADER, FEATURES, FEATURES_HEADER, TEAM_HEADER } from '../../contract/index.js';
import { bearerToken } from '../../http/index.js';
import { noteInScope } from '../../telemetry/index.js';
import { BrowserSessions } from './browser-sessions.js';
import type { Credential, Permission } from './credential.js';
import { CredentialsService } from './credentials.service.js';
import { OpenCalls } from './open-calls.js';

/** Response header with the permissions of the key. */
const PERMISSIONS_HEADER = 'Cyberun-Permissions';
const ANNOUNCED_FEATURES = FEATURES.join(', ');

/**
 * Requires an integration key on `/r`: 401 without a valid key, 403 without the permission of the route, 429 above a rate.
 */
@Injectable()
export class IntegrationKeyGuard implements CanActivate {
  constructor(
    private readonly credentials: CredentialsService,
    private readonly openCalls: OpenCalls,
    private readonly reflector: Reflector,
    private readonly sessions: BrowserSessions,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const response = http.getResponse<Response>();
    const rawKey = bearerToken(request.headers.authorization) ?? (await this.keyOfSession(request));
    const permission = this.reflector.getAllAndOverride<Permission | undefined>(REQUIRED_PERMISSION, [
      context.getHandler(),
      context.getClass(),
    ]);
    const route = `${request.method} ${(request.route as { path: string }).path}`;
    const { status, credential } = await this.credentials.admit(rawKey, {
      kind: 'integration',
      permission,
      route,
      request,
    });
    if (credential === undefined) {
      if (rawKey === '') throw withoutKey(response);
      response.setHeader('WWW-Authenticate', 'Bearer error="invalid_token"');
      throw new UnauthorizedException(
        'This is not a valid integration key: it must begin with "sk-" and be neither revoked nor expired.',
      );
    }
    this.openCalls.watch(response, rawKey);
    request.credential = credential;
    const { id: credentialId, teamId } = credential;
    noteInScope({ credentialId, teamId });
    response.setHeader(CREDENTIAL_HEADER, credentialId);
    response.setHeader(TEAM_HEADER, teamId);
    response.setHeader(PERMISSIONS_HEADER, [...credential.permissions].join(', '));
    response.setHeader(FEATURES_HEADER, ANNOUNCED_FEATURES);
    if (status === 200) return true;
    throw new ForbiddenException(
      `This key lacks the permission "${permission}". Use a key that has it; an operator can create one.`,
    );
  }

  /** The key of a request of the console; the code behind finds it where programs send it. */
  private async keyOfSession(request: Request): Promise<string> {
    if (request.headers.authorization !== undefined) return '';
    const rawKey = await this.sessions.keyOf(request);
    if (rawKey !== undefined) request.headers.authorization = `Bearer ${rawKey}`;
    return rawKey ?? '';
  }
}

function withoutKey(response: Response): UnauthorizedException {
  response.setHeader('WWW-Authenticate', 'Bearer');
  return new UnauthorizedException('Send an integration key: "Authorization: Bearer sk-…".');
}

const REQUIRED_PERMISSION = Symbol('REQUIRED_PERMISSION');

/** A request that has passed the guard. */
type AuthenticatedRequest = Request & { credential: Credential };

/** The route requires this permission. */
export const Requires = (permission: Permission) => SetMetadata(REQUIRED_PERMISSION, permission);

/** Parameter decorator: the {@link Credential} of the request, on routes behind the guard. */
export const CurrentCredential = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Credential =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().credential,
);
