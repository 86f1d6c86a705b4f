import { getHeapStatistics } from 'node:v8';

/** Limits that need no setting: well-behaved clients stay far below them. Tests use smaller ones. */
export interface Limits {
  /** Characters of the URL of an MCP request. */
  readonly urlLength: number;
  /** Connections to one process; a client may have several, and most may be idle. */
  readonly connections: number;
  /** Requests in progress and open streams of one process. */
  readonly requests: number;
  /** The same for one key; less, so that no key uses it up. */
  readonly requestsPerKey: number;
  /** Requests in progress of one session in one process. */
  readonly requestsPerSession: number;
  /** Until the headers of a request have arrived. */
  readonly headersMs: number;
  /** Until a whole request has arrived; an upload by a signed link may take longer. */
  readonly requestMs: number;
  /** Until the body of an MCP request, or the JSON of a REST call, has arrived. */
  readonly bodyMs: number;
  /** Memory for the bodies of all MCP requests in one process, arriving or in progress; at least twice the limit of one. */
  readonly bodiesBytes: number;
  /** The same for the bodies of REST calls of the embedded runtime; at least twice the largest one. */
  readonly restBodiesBytes: number;
  /** Responses of the runtime that are being read or made into results, which takes a dozen times as much memory. */
  readonly answersBytes: number;
  /** Responses that clients have not read yet; above it, `shortStallMs` replaces `stallMs`. */
  readonly unreadBytes: number;
  readonly shortStallMs: number;
  /** Without progress on a connection whose client does not read its response. */
  readonly stallMs: number;
  /** Without a request on a connection; longer than load balancers keep idle connections, so that they close first. */
  readonly idleConnectionMs: number;
  /** Largest file that is uploaded as one part only, and size of the parts of larger ones. */
  readonly partBytes: number;
  /** For responses in progress when the server closes; calls in flight have had their own grace period before. */
  readonly closeMs: number;
  /** How often connections that send too slowly are checked. */
  readonly connectionCheckMs: number;
  /** How often the files of OAuth are checked for changes. */
  readonly oauthCheckMs: number;
}

/** V8's heap limit. Large consumers are limited to shares of it, so that small containers work too. */
const heapBytes = getHeapStatistics().heap_size_limit;

/** An open `stream_task_events` takes about as much of it. */
const REQUEST_BYTES = 64 * 1024;
const requests = Math.min(10_000, Math.floor(heapBytes / REQUEST_BYTES));

export const LIMITS: Limits = Object.freeze({
  urlLength: 4096,
  connections: 2 * requests,
  requests,
  requestsPerKey: Math.floor(0.9 * requests),
  requestsPerSession: 100,
  headersMs: 20_000,
  requestMs: 300_000,
  bodyMs: 60_000,
  bodiesBytes: heapBytes / 4,
  restBodiesBytes: heapBytes / 8,
  answersBytes: Math.floor(heapBytes / 48),
  unreadBytes: heapBytes / 8,
  shortStallMs: 1000,
  stallMs: 30_000,
  idleConnectionMs: 75_000,
  partBytes: 100 * 1024 * 1024,
  closeMs: 3000,
  connectionCheckMs: 5000,
  oauthCheckMs: 5000,
});
