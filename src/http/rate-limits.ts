import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from '../config/index.js';
import type { SharedCounts } from './rate-limiter.js';
import { type Refused, type RequestRates, SetRates } from './request-rates.js';

/** Of the requests that this process makes to its own runtime: they belong to MCP requests, which are counted already. */
export const OWN_REQUEST_HEADER = 'cyberun-own-request';
/** Known in this process alone. */
const OWN_TOKEN = randomUUID();

const areSet = ({ httpRatePerAddress, httpRatePerKey, httpFailedKeysPerAddress }: Config): boolean =>
  (httpRatePerAddress ?? httpRatePerKey ?? httpFailedKeysPerAddress) !== undefined;

/** With what this process marks requests to its own runtime, where they would be counted. */
export const ownRequestHeaders = (config: Config): Readonly<Record<string, string>> | undefined =>
  config.runtimeUrl === undefined && areSet(config) ? { [OWN_REQUEST_HEADER]: OWN_TOKEN } : undefined;

/**
 * Counts requests by address and key at the MCP endpoint and the REST API. Where the operator has set no rates, nothing is
 * counted.
 */
@Injectable()
export class RateLimits {
  private readonly rates: SetRates | undefined;

  constructor(@Inject(CONFIG) config: Config) {
    this.rates = areSet(config) ? new SetRates(config) : undefined;
  }

  /** Counts over all replicas from now on. */
  share(counts: SharedCounts): void {
    this.rates?.limiter.share(counts);
  }

  /** The rates of one request; `undefined` for one that is not counted. */
  of(request: IncomingMessage): RequestRates | undefined {
    if (!this.rates || request.headers[OWN_REQUEST_HEADER] === OWN_TOKEN) return undefined;
    return this.rates.of(request);
  }

  /** As {@link SetRates.takeMore}. */
  async takeMore(owner: string, more: number): Promise<Refused> {
    return await this.rates?.takeMore(owner, more);
  }
}
