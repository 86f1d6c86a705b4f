import { Injectable } from '@nestjs/common';

import { AuditLog, auditOutcomeOf } from '../../audit/index.js';
import { counterOf, ENDPOINT } from '../../telemetry/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import { type JsonRpcHttpError, LIMIT_NAMES, type LimitName } from '../protocol/index.js';
import { auditedKey } from './audited-call.js';

/** Before the check of its key, a request has none. */
type RefusedRequest = Pick<McpHttpRequest, 'method' | 'socket'> & Partial<Pick<McpHttpRequest, 'auth'>>;

/** Counts and audits requests that are refused, and counts those over a limit. */
@Injectable()
export class LimitCounter {
  private readonly counter = counterOf(ENDPOINT.boundsExceeded);
  private readonly refusals = counterOf(ENDPOINT.requestsRefused);

  constructor(private readonly audit: AuditLog) {
    // Starts at zero, so that the first count is visible as an increase.
    for (const limit of LIMIT_NAMES) this.counter.add(0, { bound: limit });
  }

  count(limit: LimitName): void {
    this.counter.add(1, { bound: limit });
  }

  /**
   * Notes an answer in place of the one that was asked for.
   *
   * @param request for the audit; left out when that has a line of its call.
   */
  refused({ status, limit }: JsonRpcHttpError, request?: RefusedRequest): void {
    this.refusals.add(1, { 'http.response.status_code': status });
    if (limit) this.count(limit);
    if (!request || !this.audit.isOn) return;
    this.audit.record({
      audit: 'mcp_request',
      outcome: auditOutcomeOf(status),
      route: `${request.method ?? ''} mcp`,
      status,
      reason: limit,
      key_hash: auditedKey(request),
      peer: request.socket.remoteAddress,
    });
  }
}
