import type { Addresses } from '../config/index.js';
import { counterOf, histogramOf, UPSTREAM } from '../telemetry/index.js';
import type { ApiRequest } from './request.js';
import type { UpstreamFailure } from './upstream-error.js';

const FAILED = 400;

/** Host and port of a server. */
interface ServerName {
  readonly address: string;
  readonly port: number;
}

/** Whether a status, or why there was none, is that of a failed request. */
export const hasFailed = (outcome: number | UpstreamFailure): boolean =>
  typeof outcome === 'string' || outcome >= FAILED;

export function serverIn(base: string): ServerName {
  const { hostname: address, port, protocol } = new URL(base);
  const usual = protocol === 'https:' ? 443 : 80;
  return { address, port: port === '' ? usual : Number(port) };
}

/** Measures the requests to the Runtime API. */
export class UpstreamMetrics {
  private readonly duration = histogramOf(UPSTREAM.requestDuration);
  private readonly invalid = counterOf(UPSTREAM.answersInvalid);
  private server: (ServerName & { readonly base: string }) | undefined;

  constructor(private readonly addresses: Addresses) {}

  /** @param outcome status of the response, or why there was none. */
  record({ operation, method }: ApiRequest, startedAt: number, outcome: number | UpstreamFailure): void {
    const { address, port } = this.serverOf(this.addresses.runtime);
    this.duration.record((performance.now() - startedAt) / 1000, {
      'cyberun.operation': operation,
      'http.request.method': method,
      'server.address': address,
      'server.port': port,
      ...(typeof outcome === 'number' && { 'http.response.status_code': outcome }),
      ...(hasFailed(outcome) && { 'error.type': String(outcome) }),
    });
  }

  countInvalid({ operation }: ApiRequest): void {
    this.invalid.add(1, { 'cyberun.operation': operation });
  }

  private serverOf(base: string): ServerName & { readonly base: string } {
    if (this.server?.base !== base) this.server = { base, ...serverIn(base) };
    return this.server;
  }
}
