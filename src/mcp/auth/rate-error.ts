import type { RateRefusal } from '../../http/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';

/** @throws {JsonRpcHttpError} 429 for a refusal. The body of the request has not been read, so its id is not known. */
export function requireWithinRate(refusal: RateRefusal | undefined): void {
  if (!refusal) return;
  const headers = { 'Retry-After': String(refusal.retryAfterSeconds) };
  throw new JsonRpcHttpError(429, CODE.serverError, refusal.message, { headers });
}
