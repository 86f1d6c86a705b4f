import type { IncomingMessage } from 'node:http';

import { LRUCache } from 'lru-cache';

import type { Config } from '../config/index.js';
import { CONNECTIONS, counterOf } from '../telemetry/index.js';
import { ClientAddresses } from './client-addresses.js';
import { RateLimiter } from './rate-limiter.js';

/** Keys that were valid are remembered, so that others at the same address cannot keep them out. */
const VALID_KEYS_CAP = 10_000;

type RateName = 'rate_per_address' | 'rate_per_key' | 'failed_keys_per_address';

/** Why a request has to wait, and how long. */
export interface RateRefusal {
  readonly message: string;
  readonly retryAfterSeconds: number;
}

/** `undefined` when the request is within its rates. */
export type Refused = RateRefusal | undefined;

/** Why requests are refused, as a sentence. */
const REASONS: Readonly<Record<RateName, (rate: number) => string>> = {
  rate_per_address: (rate) => `Your address has made more than ${rate} requests per minute.`,
  rate_per_key: (rate) => `This key has made more than ${rate} requests per minute.`,
  failed_keys_per_address: () => 'Too many keys from your address are not valid.',
};

/** The rates that the operator has set, and what is counted for them. */
export class SetRates {
  readonly limiter = new RateLimiter();
  private readonly rates: Readonly<Record<RateName, number | undefined>>;
  private readonly addresses: ClientAddresses;
  private readonly validKeys = new LRUCache<string, true>({ max: VALID_KEYS_CAP });
  private readonly refusals = counterOf(CONNECTIONS.requestsLimited);

  constructor(config: Config) {
    this.rates = {
      rate_per_address: config.httpRatePerAddress,
      rate_per_key: config.httpRatePerKey,
      failed_keys_per_address: config.httpFailedKeysPerAddress,
    };
    this.addresses = new ClientAddresses(config.httpTrustedProxies);
    // Starts at zero, so that the first count is visible as an increase.
    for (const limit of Object.keys(REASONS)) this.refusals.add(0, { limit });
  }

  of(request: IncomingMessage): RequestRates {
    return new RequestRates(this, this.addresses.of(request));
  }

  /** As {@link ClientAddresses.isTrustedCaller}. */
  isTrustedCaller(request: IncomingMessage): boolean {
    return this.addresses.isTrustedCaller(request);
  }

  /** @param about the address, the key or the user; `undefined` for a client that has no such limit. */
  async take(name: RateName, about: string | undefined, cost = 1): Promise<Refused> {
    const rate = this.rates[name];
    if (rate === undefined || about === undefined) return undefined;
    return this.refusal(name, await this.limiter.take(`${name}:${about}`, rate, cost), rate);
  }

  /**
   * Counts what a request of a key or a user costs beyond itself, which is counted. It takes no more than a minute allows,
   * or it would always be refused.
   */
  async takeMore(owner: string, more: number): Promise<Refused> {
    const most = Math.min(more, (this.rates.rate_per_key ?? 0) - 1);
    return most > 0 ? await this.take('rate_per_key', owner, most) : undefined;
  }

  /** Whether the address has sent too many keys that are not valid, and this one was not valid before. */
  blocked(address: string | undefined, keyHash: string): Refused {
    const name = 'failed_keys_per_address';
    const rate = this.rates[name];
    if (rate === undefined || address === undefined || this.validKeys.has(keyHash)) return undefined;
    return this.refusal(name, this.limiter.refusedFor(`${name}:${address}`), rate);
  }

  /** Remembers whether a key is valid. */
  note(keyHash: string, isValid: boolean): void {
    if (this.rates.failed_keys_per_address === undefined) return;
    if (!isValid) this.validKeys.delete(keyHash);
    else if (!this.validKeys.has(keyHash)) this.validKeys.set(keyHash, true);
  }

  private refusal(name: RateName, waitMs: number, rate: number): Refused {
    if (waitMs <= 0) return undefined;
    this.refusals.add(1, { limit: name });
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    const wait = retryAfterSeconds === 1 ? 'a second' : `${retryAfterSeconds} seconds`;
    return {
      message: `Too Many Requests: ${REASONS[name](rate)} Try again in ${wait}, and more slowly.`,
      retryAfterSeconds,
    };
  }
}

/** The steps of counting one request, in this order. */
export class RequestRates {
  constructor(
    private readonly rates: SetRates,
    private readonly address: string | undefined,
  ) {}

  /** Before anything else is done for the request. */
  takeAddress(): Promise<Refused> {
    return this.rates.take('rate_per_address', this.address);
  }

  /** Before a key is checked. */
  beforeCheck(keyHash: string): Refused {
    return this.rates.blocked(this.address, keyHash);
  }

  /** After a key was found not to be valid. */
  invalidKey(keyHash: string): Promise<Refused> {
    this.rates.note(keyHash, false);
    return this.rates.take('failed_keys_per_address', this.address);
  }

  /** After a key was found to be valid. */
  validKey(keyHash: string): Promise<Refused> {
    this.rates.note(keyHash, true);
    return this.rates.take('rate_per_key', keyHash);
  }

  /** After an access token was found not to be valid. */
  invalidToken(): Promise<Refused> {
    return this.rates.take('failed_keys_per_address', this.address);
  }

  /** After an access token was verified. It is not remembered, because tokens are verified at a blocked address, too. */
  validToken(owner: string): Promise<Refused> {
    return this.rates.take('rate_per_key', owner);
  }
}
