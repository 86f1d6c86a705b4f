import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';

import type { OAuthIssuer } from '../../config/index.js';
import { IssuerUnavailable } from './issuer-documents.js';
import type { IssuerKeys } from './issuer-keys.js';

/** Difference of clocks. */
export const LEEWAY_SECONDS = 30;
/** Types of a JWT that may be an access token (RFC 9068, section 2.1); many issuers say only JWT. */
const TYPES: ReadonlySet<string> = new Set(['at+jwt', 'application/at+jwt', 'jwt']);
const LONGEST = 12_288;

/** The token is not accepted; the message is for the client and says why. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

/** Its signature, issuer and audience are right, and its time is over. */
export class TokenExpired extends TokenRefused {}

/** An issuer and its keys. */
export interface TrustedIssuer {
  readonly settings: OAuthIssuer;
  readonly keys: IssuerKeys;
}

/** A token whose signature and claims are valid. */
export interface VerifiedToken {
  readonly issuer: OAuthIssuer;
  readonly subject: string;
  /** Empty where the issuer does not tell it. */
  readonly client: string;
  readonly scopes: ReadonlySet<string>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** In seconds. */
  readonly expiresAt: number;
}

/**
 * Verifies a JWT access token of one of the issuers for one resource.
 *
 * @throws {TokenRefused}
 * @throws {IssuerUnavailable}
 */
export async function verifyToken(
  token: string,
  issuers: readonly TrustedIssuer[],
  resource: string,
): Promise<VerifiedToken> {
  if (token.length > LONGEST) throw new TokenRefused('The access token is too long.');
  const { settings, keys } = issuerOf(token, issuers);
  const payload = await verified(token, keys, settings, resource);
  const { sub, exp } = payload;
  if (typeof sub !== 'string' || sub === '' || exp === undefined)
    throw new TokenRefused('The access token has no subject.');
  if (payload['cnf'] !== undefined)
    throw new TokenRefused('The access token is bound to a key of its client (cnf), which is not supported.');
  const client = clientOf(payload);
  if (settings.clients && !settings.clients.includes(client))
    throw new TokenRefused('The access token was issued to a client that is not accepted here.');
  return {
    issuer: settings,
    subject: sub,
    client,
    scopes: scopesOf(payload, settings),
    claims: payload,
    expiresAt: exp,
  };
}

/** The issuer that a token names decides only which of the configured ones is asked. */
function issuerOf(token: string, issuers: readonly TrustedIssuer[]): TrustedIssuer {
  let named: unknown;
  try {
    named = decodeJwt(token).iss;
  } catch {
    throw new TokenRefused('The token is neither an integration key (sk-) nor a JWT.');
  }
  const found = issuers.find(({ settings }) => settings.issuer === named);
  if (!found) throw new TokenRefused('The access token is of an issuer that is not accepted here.');
  return found;
}

async function verified(
  token: string,
  keys: IssuerKeys,
  { issuer, audience, algorithms, require_at_jwt }: OAuthIssuer,
  resource: string,
): Promise<JWTPayload> {
  const { payload, protectedHeader } = await jwtVerify(token, keys.keyFor, {
    issuer,
    audience: audience ?? [resource, `${resource}/`],
    algorithms: [...algorithms],
    clockTolerance: LEEWAY_SECONDS,
    requiredClaims: ['sub', 'exp'],
    ...(require_at_jwt && { typ: 'at+jwt' }),
  }).catch((error: unknown) => {
    throw refusalFor(error);
  });
  const typ = protectedHeader.typ?.toLowerCase() ?? 'jwt';
  if (!TYPES.has(typ)) throw new TokenRefused('The token is not an access token: its type is another one.');
  if (typ === 'jwt' && isIdToken(payload))
    throw new TokenRefused('The token is an ID token. Send the access token of the same sign-in.');
  return payload;
}

function refusalFor(error: unknown): unknown {
  if (error instanceof IssuerUnavailable) return error;
  // Time is compared last, after the signature and the other claims.
  if (error instanceof errors.JWTExpired)
    return new TokenExpired('The access token has expired.', { cause: error });
  return new TokenRefused(sentenceOf(error), { cause: error });
}

/**
 * Whether a JWT of no particular type is an ID token, which says who signed in and gives access to nothing. Its audience is a
 * client, and an issuer may have that as the audience of access tokens, too. Keycloak before 25 has the nonce in access tokens
 * as well, with the claim `typ` Bearer.
 */
const isIdToken = ({ typ, nonce, at_hash, c_hash }: JWTPayload): boolean =>
  typ === 'ID' || at_hash !== undefined || c_hash !== undefined || (nonce !== undefined && typ !== 'Bearer');

/** Claims whose values say what the client has to change. */
const CLAIMS: Readonly<Record<string, string>> = {
  aud: 'The access token was issued for another resource than this server (aud).',
  nbf: 'The access token is not valid yet (nbf).',
  sub: 'The access token has no subject (sub).',
  exp: 'The access token has no time at which it expires (exp).',
  typ: 'The token is not an access token: its type is not at+jwt.',
};

function sentenceOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed)
    return CLAIMS[error.claim] ?? 'A claim of the access token is not valid.';
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'The access token is signed by an algorithm that is not accepted here.';
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'The access token is signed by a key that its issuer does not have.';
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'The access token does not say which key of its issuer has signed it (kid).';
  return 'The access token is not valid.';
}

/** RFC 9068 has `client_id`; `azp` and `appid` are those of OpenID Connect and of Entra. */
const clientOf = (payload: JWTPayload): string =>
  [payload['client_id'], payload['azp'], payload['appid']].find((value) => typeof value === 'string') ?? '';

function scopesOf(payload: JWTPayload, { scope_claims }: OAuthIssuer): ReadonlySet<string> {
  const values = scope_claims.flatMap((claim) => payload[claim]);
  return new Set(
    values.flatMap((value) =>
      typeof value === 'string' ? value.split(' ').filter((one) => one !== '') : [],
    ),
  );
}
