import { type Span, SpanKind } from '@opentelemetry/api';

import type { TraceSettings } from '../config/index.js';
import { failSpan, startSpan, traceContextIn, traceContextOf } from '../telemetry/index.js';
import type { Caller } from './request.js';
import type { UpstreamFailure } from './upstream-error.js';
import { hasFailed, serverIn } from './upstream-metrics.js';

/** A request to the Runtime API or a file store, until the headers of its response have arrived. */
export class UpstreamSpan {
  private isOver = false;

  constructor(
    private readonly span: Span,
    /** The caller whose trace the request belongs to. */
    readonly caller: Caller,
  ) {}

  /**
   * The first call counts.
   *
   * @param outcome status of the response, or why there was none.
   */
  end(outcome: number | UpstreamFailure): void {
    if (this.isOver) return;
    this.isOver = true;
    if (typeof outcome === 'number') this.span.setAttribute('http.response.status_code', outcome);
    if (hasFailed(outcome)) failSpan(this.span, String(outcome));
    this.span.end();
  }
}

interface TracedRequest {
  /** Completes "asked to", as that of an `ApiRequest`. */
  readonly operation: string;
  readonly method: string;
  /** Without what is secret in it, and without a query, which may hold text of the caller. */
  readonly url: string;
}

export function beginSpan(
  { isPropagated }: TraceSettings,
  caller: Caller,
  { operation, method, url }: TracedRequest,
): UpstreamSpan {
  const { address, port } = serverIn(url);
  const span = startSpan(`${method} ${operation}`, {
    kind: SpanKind.CLIENT,
    parent: traceContextIn(caller),
    attributes: {
      'cyberun.operation': operation,
      'http.request.method': method,
      'server.address': address,
      'server.port': port,
      'url.full': url,
    },
  });
  const { key, signal } = caller;
  return new UpstreamSpan(span, { key, signal, ...(isPropagated && traceContextOf(span)) });
}
