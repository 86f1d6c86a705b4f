import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  type SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';

import { spanContextIn, type TraceContext } from './trace-context.js';

interface NewSpan {
  readonly kind: SpanKind;
  /** What it continues; without it a trace begins. */
  readonly parent?: TraceContext | undefined;
  /** What it follows from beside its parent. */
  readonly link?: TraceContext | undefined;
  readonly attributes?: Attributes;
  /** As of `performance.now()`; default: now. */
  readonly startedAt?: number;
}

/** Begins a span; without a provider of traces it does nothing and has the context of its parent. */
export function startSpan(name: string, { kind, parent, link, attributes, startedAt }: NewSpan): Span {
  const context = parent ? trace.setSpanContext(ROOT_CONTEXT, spanContextIn(parent)) : ROOT_CONTEXT;
  return trace.getTracer('cyberun-mcp').startSpan(
    name,
    {
      kind,
      ...(attributes && { attributes }),
      ...(link && { links: [{ context: spanContextIn(link) }] }),
      ...(startedAt !== undefined && { startTime: startedAt }),
    },
    context,
  );
}

/** Marks a span as failed; the text of an error is not in it, since it may hold a secret. */
export function failSpan(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
