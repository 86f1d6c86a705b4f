import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { HttpException, HttpStatus, Injectable } from '@nestjs/common';

import { RateLimits, type RateRefusal } from '../../http/index.js';

/** How a key is named in counts, as at the MCP endpoint. */
const nameOf = (rawKey: string): string => hash('sha256', rawKey, 'base64url');

/** @throws {HttpException} 429 for a refusal. */
function requireWithinRate(refusal: RateRefusal | undefined): void {
  if (!refusal) return;
  const { message, retryAfterSeconds } = refusal;
  const body = { message, retry_after_seconds: retryAfterSeconds };
  throw new HttpException(body, HttpStatus.TOO_MANY_REQUESTS);
}

/** Counts requests to the runtime around the check of their key, where the operator has set rates. */
@Injectable()
export class RuntimeRates {
  constructor(private readonly rates: RateLimits) {}

  /**
   * Checks the key of a request, within the rates of its address and of the key.
   *
   * @param rawKey empty for a request without one.
   * @throws {HttpException} 429
   */
  async around<Admission extends { readonly credential?: unknown }>(
    request: IncomingMessage,
    rawKey: string,
    check: () => Promise<Admission>,
  ): Promise<Admission> {
    const rates = this.rates.ofRuntime(request);
    if (!rates) return await check();
    requireWithinRate(await rates.takeAddress());
    if (rawKey === '') return await check();
    const name = nameOf(rawKey);
    requireWithinRate(rates.beforeCheck(name));
    const admission = await check();
    const isValid = admission.credential !== undefined;
    requireWithinRate(await (isValid ? rates.validKey(name) : rates.invalidKey(name)));
    return admission;
  }
}
