import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { Inject, Injectable, Logger } from '@nestjs/common';

import { CONFIG, type Config } from '../config/index.js';
import type { SharedCounts } from './rate-limiter.js';
import { type Refused, type RequestRates, SetRates } from './request-rates.js';

/** Of the requests that a process makes to its runtime for MCP requests, which it has counted already. */
export const OWN_REQUEST_HEADER = 'cyberun-own-request';
/** To the runtime in the same process; known there alone. */
const OWN_TOKEN = randomUUID();
/** To a runtime elsewhere, which believes it from the addresses that its operator trusts. */
const COUNTED = 'counted';

const areSet = ({ httpRatePerAddress, httpRatePerKey, httpFailedKeysPerAddress }: Config): boolean =>
  (httpRatePerAddress ?? httpRatePerKey ?? httpFailedKeysPerAddress) !== undefined;

/** With what this process marks requests to its runtime, where it counts MCP requests. */
export const ownRequestHeaders = (config: Config): Readonly<Record<string, string>> | undefined =>
  areSet(config)
    ? { [OWN_REQUEST_HEADER]: config.runtimeUrl === undefined ? OWN_TOKEN : COUNTED }
    : undefined;

/**
 * Counts requests by address and key at the MCP endpoint and the REST API. Where the operator has set no rates, nothing is
 * counted.
 */
@Injectable()
export class RateLimits {
  private readonly rates: SetRates | undefined;
  private readonly logger = new Logger('Rates');
  private hasWarned = false;

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

  /** As {@link of}, at the Runtime API, which does not count again what a server of role mcp has counted. */
  ofRuntime(request: IncomingMessage): RequestRates | undefined {
    if (!this.rates || request.headers[OWN_REQUEST_HEADER] !== COUNTED) return this.of(request);
    if (this.rates.isTrustedCaller(request)) return undefined;
    this.warnOf(request);
    return this.of(request);
  }

  /** A proxy in between names the client; the header is then of a client that wants more than its rate. */
  private warnOf({ socket, headers }: IncomingMessage): void {
    if (this.hasWarned || headers['x-forwarded-for'] !== undefined) return;
    this.hasWarned = true;
    this.logger.warn(
      `Requests from ${socket.remoteAddress} say that a server of role mcp has counted them. CYBERUN_HTTP_TRUSTED_PROXIES does not name this address, so all of them count as its own. If such a server runs there, add its network.`,
    );
  }

  /** As {@link SetRates.takeMore}. */
  async takeMore(owner: string, more: number): Promise<Refused> {
    return await this.rates?.takeMore(owner, more);
  }
}
