import type { z } from 'zod';

import { packageVersion } from '../config/index.js';
import { ASK_FIRST, CONFIRM_HEADER, type Feature } from '../contract/index.js';
import { REQUEST_ID_HEADER } from '../http/index.js';
import { currentScope, isTraceparent } from '../telemetry/index.js';

/** On whose behalf a request is made: with which key, as part of which trace, if any, and until when. */
export interface Caller {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  readonly key: string;
  /** Aborted when the client disconnects or cancels. */
  readonly signal: AbortSignal;
}

export interface ApiRequest {
  /** Completes "asked to": "run the workflow". */
  readonly operation: string;
  readonly method: 'GET' | 'POST';
  /** Segments below the base URL, not encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  /** For a POST: what the model should know or do when it is unknown whether the request took effect. */
  readonly whenUnsure?: string;
  /** Media type of the response, if not JSON. */
  readonly accept?: string;
  /** Resumes a stream of events after this one, if the runtime can. */
  readonly lastEventId?: string | undefined;
  /** Makes the runtime answer a repeated POST with its first answer; needs the feature. */
  readonly idempotencyKey?: string | undefined;
  /** Has a run refused with status 428 when its workflow wants a confirmation. */
  readonly asksFirst?: boolean;
  /** What the request needs beyond the common API; it is not sent where the runtime does not announce them. */
  readonly needs?: readonly NeededFeature[];
}

export interface NeededFeature {
  readonly feature: Feature;
  /** What the caller reads where it is missing: what is not possible, and what to do instead. */
  readonly otherwise: string;
}

/** A request with a JSON response. */
export interface UpstreamRequest<Answer> extends ApiRequest {
  readonly answer: z.ZodType<Answer>;
  /** Parses the response, in place of `JSON.parse`. */
  readonly parse?: (text: string) => unknown;
}

export interface UpstreamEventsRequest extends Pick<ApiRequest, 'operation' | 'path' | 'lastEventId'> {
  /** Silence after which the stream counts as broken. */
  readonly idleMs?: number;
}

export interface ServerSentEvent {
  readonly id?: string;
  readonly event: string;
  readonly data: string;
}

/** Handles an event; resolves to true to close the stream. */
export type OnEvent = (event: ServerSentEvent) => Promise<boolean>;

/** Segments that need no encoding and cannot lead elsewhere; nearly all do. */
const PLAIN = /^[\w-]+$/;
/** Control characters and both slashes; everything else is made harmless by encoding. */
const FORBIDDEN = /[\p{Cc}/\\]/u;
const USER_AGENT = `cyberun-mcp/${packageVersion}`;

/** URL relative to the base; `undefined` when a path segment is not safe. */
export function relativeUrl({ path, query }: ApiRequest): string | undefined {
  const encoded = encodePath(path);
  if (encoded === undefined || query === undefined) return encoded;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? encoded : `${encoded}?${search.toString()}`;
}

/** Headers of a request. Of the client's own headers, only the key, the trace and the request id are forwarded. */
export function requestHeaders(
  { key, traceparent, tracestate }: Caller,
  { body, accept, lastEventId, idempotencyKey, asksFirst }: ApiRequest,
): Record<string, string> {
  const requestId = currentScope()?.requestId;
  return {
    Authorization: `Bearer ${key}`,
    Accept: accept ?? 'application/json',
    'User-Agent': USER_AGENT,
    ...(body && { 'Content-Type': 'application/json' }),
    ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
    ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
    ...(asksFirst && { [CONFIRM_HEADER]: ASK_FIRST }),
    ...(isTraceparent(traceparent) && { traceparent, ...(tracestate !== undefined && { tracestate }) }),
    ...(requestId !== undefined && { [REQUEST_ID_HEADER]: requestId }),
  };
}

/**
 * Path of checked and percent-encoded segments, without a leading slash; `undefined` when a segment could lead
 * elsewhere. Encoding alone does not stop `..`.
 */
export function encodePath(segments: readonly string[]): string | undefined {
  const encoded = segments.map(encodeSegment);
  return encoded.includes(undefined) ? undefined : encoded.join('/');
}

function encodeSegment(segment: string): string | undefined {
  if (PLAIN.test(segment)) return segment;
  if (['', '.', '..'].includes(segment) || !segment.isWellFormed() || FORBIDDEN.test(segment))
    return undefined;
  // `@` is legal in a path and reads better in `slug@version`.
  return encodeURIComponent(segment).replaceAll('%40', '@');
}
