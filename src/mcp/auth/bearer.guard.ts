import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuthInfo } from '@modelcontextprotocol/server';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { bearerToken, closeUnlessRead } from '../../http/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { keyHashOf, KeyValidator } from './key-validator.js';

/** How many keys are cached; longer headers are not. */
const CAP = 1000;
const LONGEST = 512;

interface Key {
  readonly token: string;
  readonly keyHash: string;
}

/** Admits requests with a valid integration key, and attaches the key for the calls made on its behalf. */
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
    const cached = this.validator.cached(keyHash);
    request.auth = { token, clientId: keyHash, keyHash, scopes: [], permissions: cached?.permissions };
    if (cached) return admitted(cached);
    return this.validator.validate(keyHash, token).then((status) => {
      request.auth.permissions = status.permissions;
      return admitted(status);
    });
  }

  /** @throws {JsonRpcHttpError} 401 */
  private keyIn(header = ''): Key {
    const seen = this.seen.get(header);
    if (seen) return seen;
    const token = integrationKey(header);
    const key = { token, keyHash: keyHashOf(token) };
    if (header.length > LONGEST) return key;
    this.seen.set(header, key);
    return key;
  }
}

function admitted({ isValid }: { readonly isValid: boolean }): true {
  if (!isValid) throw invalidKey();
  return true;
}

/** Integration keys; the other credential families are not for AI agents. */
const ACCEPTED_PREFIX = 'sk-';
const HOW = "Send 'Authorization: Bearer sk-…' with an integration key of your team.";

const FAMILIES: readonly (readonly [prefix: string, name: string])[] = [
  ['dk-', 'a device key (dk-)'],
  ['ak-', 'an agent key (ak-)'],
];

/**
 * The integration key in an Authorization header.
 *
 * @throws {JsonRpcHttpError} 401 that says which kind of key is needed.
 */
function integrationKey(authorization: string | undefined): string {
  // RFC 6750: a request without credentials is challenged without an error code.
  if (authorization === undefined || authorization === '') throw challenge(`A key is needed. ${HOW}`);
  const token = bearerToken(authorization);
  if (token === undefined) throw invalid(`The Authorization header is not a bearer token. ${HOW}`);
  if (token.length > ACCEPTED_PREFIX.length && token.startsWith(ACCEPTED_PREFIX)) return token;
  const family = FAMILIES.find(([prefix]) => token.startsWith(prefix))?.[1];
  const what =
    family === undefined ? 'not an integration key (sk-)' : `${family}, which is not accepted here`;
  throw invalid(`This is ${what}. ${HOW}`);
}

/** For a key that is revoked, expired or unknown. */
const invalidKey = (): JsonRpcHttpError =>
  invalid(`The integration key (sk-) is invalid, revoked or expired. Ask the user for a new one. ${HOW}`);

const challenge = (message: string, parameters = ''): JsonRpcHttpError =>
  new JsonRpcHttpError(401, CODE.serverError, `Unauthorized: ${message}`, {
    headers: { 'WWW-Authenticate': `Bearer realm="cyberun"${parameters}` },
  });

const invalid = (message: string): JsonRpcHttpError =>
  challenge(message, `, error="invalid_token", error_description="${inHeader(message)}"`);

/** The characters RFC 6750 allows in a description. */
const inHeader = (message: string): string =>
  message.replaceAll('…', '...').replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'");

interface KeyInfo extends AuthInfo {
  /** Hash of the key, which sessions and streams are bound to. */
  readonly keyHash: string;
  /** Of the key; unknown where the runtime does not tell them. */
  permissions: ReadonlySet<string> | undefined;
}

/** A request that came with a key. */
export type McpHttpRequest = IncomingMessage & {
  auth: KeyInfo;
  /** The toolsets of its connection, in order and separated by commas; absent for none. */
  toolsets?: string;
  /** When its body had been read, where requests are measured. */
  receivedAt?: number;
};

/** Where clients look for OAuth after a 401: its metadata, in every form of the path, and its usual endpoints. */
export const OAUTH_PATHS =
  /^(?:\/(?:register|authorize|token)\/?$|(?:\/.*)?\/\.well-known\/(?:oauth-[^/]*|openid-configuration))/i;

/** An error of OAuth (RFC 6749 §5.2), because clients show its description to the user. */
const BODY = JSON.stringify({
  error: 'invalid_request',
  error_description:
    'This server does not use OAuth. The key is missing or not valid: send Authorization: Bearer sk-… with an integration key of your team.',
});

/** Answers clients that try OAuth because their key is missing or wrong. */
export function refuseOAuth(_request: IncomingMessage, response: ServerResponse): void {
  closeUnlessRead(response);
  response.writeHead(404, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(BODY),
  });
  response.end(BODY);
}
