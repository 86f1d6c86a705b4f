import { createHmac, hash } from 'node:crypto';

import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import type { Addresses, OAuthConfig } from '../../config/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { IssuerUnavailable } from './issuer-documents.js';
import { IssuerKeys } from './issuer-keys.js';
import { keyFor } from './key-rules.js';
import type { OAuthFile } from './oauth-file.js';
import { ACCESS, challengeOf, ExpiredTokenError, ProtectedResource } from './protected-resource.js';
import {
  LEEWAY_SECONDS,
  TokenExpired,
  TokenRefused,
  type TrustedIssuer,
  type VerifiedToken,
  verifyToken,
} from './token-verifier.js';

const CAP = 10_000;
/** A token is verified again after this time, so that a withdrawn key of its issuer ends it. */
const VERIFIED_MS = 60_000;
const ISSUER_AWAY =
  'The access token cannot be verified now, because its issuer does not answer. Try again in a moment.';
const KEY_REFUSED =
  'The runtime refuses the key that this server uses for your team. Ask the operator of this server to renew it.';
/** Between two messages of the log about a key that the runtime refuses. */
const REPORT_MS = 60_000;

/** What an access token stands for. */
export interface Admission {
  /** The `sk-` key with which its calls are made. */
  readonly key: string;
  /** Identifies the user and the client over all their tokens; sessions are bound to it. */
  readonly identity: string;
  /** Identifies the user over all clients; rates and quotas count for it. */
  readonly owner: string;
  readonly client: string;
  readonly issuer: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Permissions that its scopes do not give; absent when they give all. */
  readonly withheld: ReadonlySet<string> | undefined;
  /** Until when the token is accepted, in seconds. */
  readonly expiresAt: number;
}

interface Verified {
  readonly admission: Admission;
  readonly until: number;
}

/** Accepts the access tokens of the configured issuers, each in exchange for a key of the runtime. */
export class AccessTokens implements OnApplicationShutdown {
  private readonly logger = new Logger('OAuth');
  /** By the hashes of tokens. */
  private readonly cache = new LRUCache<string, Verified>({ max: CAP });
  private readonly pending = new Map<string, Promise<Admission>>();
  private issuers: readonly TrustedIssuer[] = [];
  private current: ProtectedResource;
  private reportedAt = 0;

  constructor(
    private readonly file: OAuthFile,
    private readonly addresses: Addresses,
  ) {
    this.current = this.use(file.current);
    file.onChange((config) => (this.current = this.use(config)));
    addresses.onAnnounced(() => {
      const { issuers, identifier } = this.current;
      this.logger.log(`Access tokens of ${issuers} for the resource ${identifier} are accepted beside keys.`);
      return Promise.resolve();
    });
  }

  /** As the file describes it now. */
  get resource(): ProtectedResource {
    return this.current;
  }

  /**
   * Uses changes of the file from now on.
   *
   * @param permissions that tools need.
   * @throws {SettingError} when the file limits another one.
   */
  watch(permissions: ReadonlySet<string>): void {
    this.file.watch(permissions);
  }

  /**
   * The error for a request whose key the runtime refuses. A client that got 401 would sign in again, which changes
   * nothing.
   */
  keyRefused(): JsonRpcHttpError {
    if (Date.now() - this.reportedAt > REPORT_MS) {
      this.reportedAt = Date.now();
      this.logger.error(
        'The runtime refuses an integration key that the file of OAuth names. Make a new one and put it in its place.',
      );
    }
    return unavailable(KEY_REFUSED);
  }

  /**
   * What a token stands for, verified at most a minute ago.
   *
   * @throws {JsonRpcHttpError} 401, 403 or 503, also by rejecting.
   */
  admit(token: string): Admission | Promise<Admission> {
    const tokenHash = hash('sha256', token, 'base64url');
    const cached = this.cache.get(tokenHash);
    if (cached && cached.until > Date.now()) return cached.admission;
    const pending = this.pending.get(tokenHash);
    if (pending) return pending;
    const verifying = this.verify(token, tokenHash).finally(() => this.pending.delete(tokenHash));
    this.pending.set(tokenHash, verifying);
    return verifying;
  }

  onApplicationShutdown(): void {
    this.file.close();
  }

  private async verify(token: string, tokenHash: string): Promise<Admission> {
    const { issuers, current } = this;
    const verified = await verifyToken(token, issuers, current.identifier).catch((error: unknown) => {
      throw this.refusal(error);
    });
    const admission = admissionOf(verified, current);
    const until = Math.min(Date.now() + VERIFIED_MS, admission.expiresAt * 1000);
    // Unless the file has changed meanwhile.
    if (this.issuers === issuers) this.cache.set(tokenHash, { admission, until });
    return admission;
  }

  private refusal(error: unknown): unknown {
    if (error instanceof IssuerUnavailable) return unavailable(ISSUER_AWAY);
    if (!(error instanceof TokenRefused)) return error;
    this.logger.debug({ message: 'an access token was refused', reason: error.message });
    const parameters = {
      error: 'invalid_token',
      error_description: error.message,
      ...this.current.challenge,
    };
    const Refusal = error instanceof TokenExpired ? ExpiredTokenError : JsonRpcHttpError;
    return new Refusal(401, CODE.serverError, `Unauthorized: ${error.message}`, {
      headers: { 'WWW-Authenticate': challengeOf(parameters) },
    });
  }

  private use(config: OAuthConfig): ProtectedResource {
    const before = this.issuers;
    this.issuers = config.issuers.map((settings) => {
      const kept = before.find(
        ({ keys }) => keys.issuer === settings.issuer && keys.jwksUri === settings.jwks_uri,
      );
      return { settings, keys: kept?.keys ?? new IssuerKeys(settings.issuer, settings.jwks_uri) };
    });
    this.cache.clear();
    for (const { jwks_uri } of config.issuers)
      if (jwks_uri?.startsWith('http:'))
        this.logger.warn(
          `The keys at ${jwks_uri} are read without TLS. A change of that traffic would admit forged tokens.`,
        );
    return new ProtectedResource(this.addresses, config);
  }
}

/** @throws {JsonRpcHttpError} 403 when the token lacks the scope of every request, or no key stands for it. */
function admissionOf(token: VerifiedToken, resource: ProtectedResource): Admission {
  const { issuer, subject, client, scopes, expiresAt } = token;
  const withheld = resource.withheldFrom(scopes);
  if (withheld?.has(ACCESS)) throw resource.insufficientScope(ACCESS, scopes);
  const key = keyFor(token);
  if (key === undefined) throw noKey();
  // A secret of the server goes in, so that neither logs nor Redis hold a value that could be guessed.
  const hashOf = (...parts: readonly string[]): string =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');
  return {
    key,
    identity: hashOf(issuer.issuer, subject, client),
    owner: hashOf(issuer.issuer, subject),
    client,
    issuer: issuer.issuer,
    subject,
    scopes: [...scopes],
    withheld,
    expiresAt: expiresAt + LEEWAY_SECONDS,
  };
}

const noKey = (): JsonRpcHttpError =>
  new JsonRpcHttpError(
    403,
    CODE.serverError,
    'Forbidden: You are signed in, but no team is assigned to your account here. Ask the operator of this server to add a rule for it to the file of OAuth.',
  );

const unavailable = (message: string): JsonRpcHttpError =>
  new JsonRpcHttpError(503, CODE.serverError, `Service Unavailable: ${message}`, {
    headers: { 'Retry-After': '5' },
  });
