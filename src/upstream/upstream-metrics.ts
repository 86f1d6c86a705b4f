import type { Addresses } from '../config/index.js';
import { counterOf, histogramOf, UPSTREAM } from '../telemetry/index.js';
import type { ApiRequest } from './request.js';
import type { UpstreamFailure } from './upstream-error.js';

const FAILED = 400;

/** Measures the requests to the Runtime API. */
export class UpstreamMetrics {
  private readonly duration = histogramOf(UPSTREAM.requestDuration);
  private readonly invalid = counterOf(UPSTREAM.answersInvalid);
  private server: { readonly base: string; readonly address: string; readonly port: number } | undefined;

  constructor(private readonly addresses: Addresses) {}

  /** @param outcome status of the response, or why there was none. */
  record({ operation, method }: ApiRequest, startedAt: number, outcome: number | UpstreamFailure): void {
    const { address, port } = this.serverOf(this.addresses.runtime);
    const hasFailed = typeof outcome === 'string' || outcome >= FAILED;
    this.duration.record((performance.now() - startedAt) / 1000, {
      'cyberun.operation': operation,
      'http.request.method': method,
      'server.address': address,
      'server.port': port,
      ...(typeof outcome === 'number' && { 'http.response.status_code': outcome }),
      ...(hasFailed && { 'error.type': String(outcome) }),
    });
  }

  countInvalid({ operation }: ApiRequest): void {
    this.invalid.add(1, { 'cyberun.operation': operation });
  }

  private serverOf(base: string) {
    if (this.server?.base === base) return this.server;
    const { hostname: address, port, protocol } = new URL(base);
    const usual = protocol === 'https:' ? 443 : 80;
    this.server = { base, address, port: port === '' ? usual : Number(port) };
    return this.server;
  }
}
