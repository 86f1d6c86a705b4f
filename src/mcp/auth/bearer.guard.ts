import { type CanActivate, type ExecutionContext, Inject, Injectable, Optional } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import { bearerToken, RateLimits, type RequestRates } from '../../http/index.js';
import { noteInScope } from '../../telemetry/index.js';
import { ACCESS_TOKENS, type AccessTokens, challengeOf, ExpiredTokenError } from '../oauth/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { keyHashOf, type KeyStatus, KeyValidator } from './key-validator.js';
import type { McpHttpRequest } from './mcp-http-request.js';
import { requireWithinRate } from './rate-error.js';

/** How many keys are cached; longer headers are not. */
const CAP = 1000;
const LONGEST = 512;
const UNAUTHORIZED = 401;

interface Key {
  readonly token: string;
  readonly keyHash: string;
}

/**
 * Admits requests with a valid integration key, or with an access token where OAuth is configured, and attaches the key for
 * the calls made on their behalf.
 */
@Injectable()
export class BearerGuard implements CanActivate {
  /** Keys and their hashes by the header they came in, so that a client's key is hashed once. Never logged. */
  private readonly seen = new LRUCache<string, Key>({ max: CAP });

  constructor(
    private readonly validator: KeyValidator,
    private readonly rates: RateLimits,
    @Optional() @Inject(ACCESS_TOKENS) private readonly tokens?: AccessTokens,
  ) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    return this.admit(context.switchToHttp().getRequest<McpHttpRequest>());
  }

  /**
   * @throws {JsonRpcHttpError} 401, also by rejecting; 429 where requests are counted; with an access token also 403 and 503.
   */
  admit(request: McpHttpRequest): true | Promise<true> {
    const rates = this.rates.of(request);
    return rates ? this.admitCounted(request, rates) : this.admitCredential(request);
  }

  /** Counts a request before what costs more: the address before the key is checked, and the key before a body is read. */
  private async admitCounted(request: McpHttpRequest, rates: RequestRates): Promise<true> {
    requireWithinRate(await rates.takeAddress());
    const { authorization = '' } = request.headers;
    const token = this.tokens && accessTokenIn(authorization);
    if (this.tokens && token !== undefined)
      return await this.admitCountedToken(request, rates, this.admitToken(request, this.tokens, token));
    const { keyHash } = this.seen.get(authorization) ?? this.keyIn(authorization);
    // A result in the cache costs nothing, so it is not counted as one more attempt.
    const isChecked = this.validator.cached(keyHash) !== undefined;
    if (!isChecked) requireWithinRate(rates.beforeCheck(keyHash));
    try {
      await this.admitCredential(request);
    } catch (error) {
      if (isUnauthorized(error) && !isChecked) requireWithinRate(await rates.invalidKey(keyHash));
      throw error;
    }
    requireWithinRate(await rates.validKey(keyHash));
    return true;
  }

  /**
   * A token is verified at every address, since that asks nothing of the runtime. One that is only expired counts as no
   * attempt: each client has one after a while, and needs the 401 to get another.
   */
  private async admitCountedToken(
    request: McpHttpRequest,
    rates: RequestRates,
    admitting: Promise<true>,
  ): Promise<true> {
    try {
      await admitting;
    } catch (error) {
      const isExpired = error instanceof ExpiredTokenError;
      if (isUnauthorized(error) && !isExpired) requireWithinRate(await rates.invalidToken());
      throw error;
    }
    requireWithinRate(await rates.validToken(request.auth.owner));
    return true;
  }

  private admitCredential(request: McpHttpRequest): true | Promise<true> {
    const { authorization = '' } = request.headers;
    const seen = this.seen.get(authorization);
    if (!seen && this.tokens) {
      const token = accessTokenIn(authorization);
      if (token !== undefined) return this.admitToken(request, this.tokens, token);
    }
    const { token, keyHash } = seen ?? this.keyIn(authorization);
    const cached = this.validator.cached(keyHash);
    request.auth = {
      token,
      clientId: keyHash,
      keyHash,
      runtimeKeyHash: keyHash,
      owner: keyHash,
      scopes: [],
      permissions: cached?.permissions,
    };
    if (cached) return this.admitted(cached);
    return this.validator.validate(keyHash, token).then((status) => {
      request.auth.permissions = status.permissions;
      return this.admitted(status);
    });
  }

  private async admitToken(request: McpHttpRequest, tokens: AccessTokens, token: string): Promise<true> {
    const admission = await tokens.admit(token);
    const { key, identity, owner, client, scopes, withheld, expiresAt, issuer, subject } = admission;
    const keyHash = keyHashOf(key);
    const status = this.validator.cached(keyHash) ?? (await this.validator.validate(keyHash, key));
    const { isValid, credentialId, teamId } = status;
    if (!isValid) throw tokens.keyRefused();
    noteInScope({ credentialId, teamId });
    this.validator.bind(owner, keyHash);
    request.auth = {
      token: key,
      clientId: client,
      keyHash: identity,
      runtimeKeyHash: keyHash,
      owner,
      scopes: [...scopes],
      permissions: status.permissions,
      withheld,
      expiresAt,
      // For tools and guards of other modules.
      extra: { issuer, subject },
    };
    return true;
  }

  private admitted({ isValid, credentialId, teamId }: KeyStatus): true {
    if (!isValid) throw invalid(INVALID_KEY, this.tokens);
    noteInScope({ credentialId, teamId });
    return true;
  }

  /** @throws {JsonRpcHttpError} 401 */
  private keyIn(header: string): Key {
    const token = integrationKey(header, this.tokens);
    const key = { token, keyHash: keyHashOf(token) };
    if (header.length > LONGEST) return key;
    this.seen.set(header, key);
    return key;
  }
}

const isUnauthorized = (error: unknown): boolean =>
  error instanceof JsonRpcHttpError && error.status === UNAUTHORIZED;

/** Integration keys; the other credential families are not for AI agents. */
const ACCEPTED_PREFIX = 'sk-';
const HOW = "Send 'Authorization: Bearer sk-…' with an integration key of your team.";

const FAMILIES: readonly (readonly [prefix: string, name: string])[] = [
  ['dk-', 'a device key (dk-)'],
  ['ak-', 'an agent key (ak-)'],
];

/** What every credential of the platform begins with, so that nothing else is taken for an access token. */
const CREDENTIAL = /^[sda]k-/;

/** The bearer token in an Authorization header, unless it is a key. */
function accessTokenIn(authorization: string): string | undefined {
  const token = bearerToken(authorization);
  return token === undefined || CREDENTIAL.test(token) ? undefined : token;
}

/**
 * The integration key in an Authorization header.
 *
 * @throws {JsonRpcHttpError} 401 that says which kind of key is needed.
 */
function integrationKey(authorization: string, tokens: AccessTokens | undefined): string {
  // RFC 6750: a request without credentials is challenged without an error code.
  if (authorization === '')
    throw challenge(`${tokens ? 'A sign-in or a key' : 'A key'} is needed. ${HOW}`, tokens);
  const token = bearerToken(authorization);
  if (token === undefined) throw invalid('The Authorization header is not a bearer token.', tokens);
  if (token.length > ACCEPTED_PREFIX.length && token.startsWith(ACCEPTED_PREFIX)) return token;
  const family = FAMILIES.find(([prefix]) => token.startsWith(prefix))?.[1];
  const what =
    family === undefined ? 'not an integration key (sk-)' : `${family}, which is not accepted here`;
  throw invalid(`This is ${what}.`, tokens);
}

/** For a key that is revoked, expired or unknown. */
const INVALID_KEY = 'The integration key (sk-) is invalid, revoked or expired. Ask the user for a new one.';

/** With OAuth, the challenge also leads to the issuers. */
function challenge(
  message: string,
  tokens: AccessTokens | undefined,
  parameters: Readonly<Record<string, string>> = {},
): JsonRpcHttpError {
  const headers = { 'WWW-Authenticate': challengeOf({ ...parameters, ...tokens?.resource.challenge }) };
  return new JsonRpcHttpError(401, CODE.serverError, `Unauthorized: ${message}`, { headers });
}

function invalid(reason: string, tokens: AccessTokens | undefined): JsonRpcHttpError {
  const message = `${reason} ${HOW}`;
  return challenge(message, tokens, { error: 'invalid_token', error_description: message });
}
