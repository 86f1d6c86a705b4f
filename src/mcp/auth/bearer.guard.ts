import { hash } from 'node:crypto';

import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { integrationKey, invalidKey } from './challenge.js';
import { KeyValidator } from './key-validator.js';
import type { McpHttpRequest } from './mcp-http-request.js';

/** How many keys are remembered; and no header that is longer than theirs. */
const CAP = 1000;
const LONGEST = 512;

interface Key {
  readonly token: string;
  readonly keyHash: string;
}

/** Lets a request in with an integration key and keeps the key for the calls made on its behalf. */
@Injectable()
export class BearerGuard implements CanActivate {
  /** Keys and their hashes by the header they came in, so that a client's key is hashed once. Never logged. */
  private readonly seen = new LRUCache<string, Key>({ max: CAP });

  constructor(private readonly validator: KeyValidator) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    return this.admit(context.switchToHttp().getRequest<McpHttpRequest>());
  }

  /** @throws {JsonRpcHttpError} 401, also by rejecting. */
  admit(request: McpHttpRequest): true | Promise<true> {
    const { token, keyHash } = this.keyIn(request.headers.authorization);
    request.auth = { token, clientId: keyHash, keyHash, scopes: [] };
    const cached = this.validator.cached(keyHash);
    return cached ? admitted(cached) : this.validator.validate(keyHash, token).then(admitted);
  }

  /** @throws {JsonRpcHttpError} 401 */
  private keyIn(header = ''): Key {
    const seen = this.seen.get(header);
    if (seen) return seen;
    const token = integrationKey(header);
    const key = { token, keyHash: hash('sha256', token, 'base64url') };
    if (header.length > LONGEST) return key;
    this.seen.set(header, key);
    return key;
  }
}

function admitted({ isValid }: { readonly isValid: boolean }): true {
  if (!isValid) throw invalidKey();
  return true;
}
