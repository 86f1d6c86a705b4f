import { type Span, type SpanContext, createTraceState, isSpanContextValid } from '@opentelemetry/api';

/** W3C trace context: version, trace, parent, flags; an id of zeros only is invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;
/** As much as the specification wants to be passed on. */
const LONGEST_STATE = 512;
/** Places in the text. */
const TRACE_ID = [3, 35] as const;
const SPAN_ID = [36, 52] as const;
const FLAGS = 53;

/** What a request or a run is part of, as in the headers of the same names. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string | undefined;
}

export const isTraceparent = (value: unknown): value is string =>
  typeof value === 'string' && TRACEPARENT.test(value);

/** The first of these that is a trace; a state belongs to the trace beside it. */
export function traceContextIn(...places: readonly (object | undefined)[]): TraceContext | undefined {
  for (const place of places) {
    const traceparent: unknown = place && Reflect.get(place, 'traceparent');
    if (!place || !isTraceparent(traceparent)) continue;
    const tracestate: unknown = Reflect.get(place, 'tracestate');
    const isState = typeof tracestate === 'string' && tracestate !== '' && tracestate.length <= LONGEST_STATE;
    return isState ? { traceparent, tracestate } : { traceparent };
  }
  return undefined;
}

/** The context of a span; `undefined` for one that belongs to no trace. */
export function traceContextOf(span: Span): TraceContext | undefined {
  const context = span.spanContext();
  if (!isSpanContextValid(context)) return undefined;
  const { traceId, spanId, traceFlags, traceState } = context;
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  const tracestate = traceState?.serialize();
  return tracestate === undefined || tracestate === '' ? { traceparent } : { traceparent, tracestate };
}

/** Ids for log lines. */
export const traceIdsOf = (traceparent: string): { readonly trace_id: string; readonly span_id: string } => ({
  trace_id: traceparent.slice(...TRACE_ID),
  span_id: traceparent.slice(...SPAN_ID),
});

/** The span of another process, as a parent or in a link. */
export function spanContextIn({ traceparent, tracestate }: TraceContext): SpanContext {
  const { trace_id: traceId, span_id: spanId } = traceIdsOf(traceparent);
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(traceparent.slice(FLAGS, FLAGS + 2), 16),
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  };
}
