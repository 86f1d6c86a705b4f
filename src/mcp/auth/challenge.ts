import { bearerToken } from '../../http/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';

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
export function integrationKey(authorization: string | undefined): string {
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

/** What the owner of a key that is revoked, expired or unknown is told. */
export const invalidKey = (): JsonRpcHttpError =>
  invalid(`The integration key (sk-) is invalid, revoked or expired. Ask the user for a new one. ${HOW}`);

const challenge = (message: string, parameters = ''): JsonRpcHttpError =>
  new JsonRpcHttpError(401, CODE.serverError, `Unauthorized: ${message}`, {
    headers: { 'WWW-Authenticate': `Bearer realm="cyberun"${parameters}` },
  });

const invalid = (message: string): JsonRpcHttpError =>
  challenge(message, `, error="invalid_token", error_description="${inHeader(message)}"`);

/** The letters RFC 6750 allows in a description. */
const inHeader = (message: string): string =>
  message.replaceAll('…', '...').replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'");
