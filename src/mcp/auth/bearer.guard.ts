import { hash } from 'node:crypto';

import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';

import { integrationKey, invalidKey } from './challenge.js';
import { KeyVerdicts } from './key-verdicts.js';
import type { KeyedRequest } from './keyed-request.js';

/** Lets a request in with an integration key and keeps the key for the calls made on its behalf. */
@Injectable()
export class BearerGuard implements CanActivate {
  constructor(private readonly verdicts: KeyVerdicts) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    return this.admit(context.switchToHttp().getRequest<KeyedRequest>());
  }

  /** @throws {Refusal} 401, also by rejecting. */
  admit(request: KeyedRequest): true | Promise<true> {
    const token = integrationKey(request.headers.authorization);
    const clientId = hash('sha256', token, 'base64url');
    request.auth = { token, clientId, scopes: [] };
    const known = this.verdicts.known(clientId);
    return known ? admitted(known) : this.verdicts.ask(clientId, token).then(admitted);
  }
}

function admitted({ isValid }: { readonly isValid: boolean }): true {
  if (!isValid) throw invalidKey();
  return true;
}
