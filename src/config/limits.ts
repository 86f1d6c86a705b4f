import { getHeapStatistics } from 'node:v8';

/** Bounds that need no setting: no honest client comes near them. Tests give smaller ones. */
export interface Limits {
  /** Characters of the address of an MCP request. */
  readonly urlLength: number;
  /** Connections to one process, of which several may share a client and most may idle. */
  readonly connections: number;
  /** Requests in progress in one process, and streams somebody listens to. */
  readonly requests: number;
  /** The same of one key; less, so that no key takes it all. */
  readonly requestsPerKey: number;
  /** Requests of one session that are in progress in one process. */
  readonly requestsPerSession: number;
  /** Until the headers of a request are there. */
  readonly headersMs: number;
  /** Until a whole request is there; an upload by a signed link may take longer. */
  readonly requestMs: number;
  /** Until the body of an MCP request, or the JSON of a REST call, is there. */
  readonly bodyMs: number;
  /** Memory for the bodies of all MCP requests in one process, arriving or in progress; at least twice the limit of one. */
  readonly bodiesBytes: number;
  /** The same for the bodies of REST calls of the embedded runtime; at least twice the largest one. */
  readonly restBodiesBytes: number;
  /** Answers of the runtime that are being read or made into results, which takes a dozen times as much memory. */
  readonly answersBytes: number;
  /** Answers that clients have not read yet; above it, the following takes the place of `stallMs`. */
  readonly unreadBytes: number;
  readonly hurriedStallMs: number;
  /** Without any progress on a connection whose client does not read what it asked for. */
  readonly stallMs: number;
  /** Without a request on a connection; longer than load balancers keep theirs, so that they are the ones to close it. */
  readonly idleConnectionMs: number;
  /** For what is still being answered when the server closes; calls in flight have had their time before. */
  readonly closeMs: number;
  /** How often connections are looked at that send too slowly. */
  readonly lookEveryMs: number;
}

/** What V8 ends the process above. What may take much of it is bounded by shares of it, in a small container too. */
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
  hurriedStallMs: 1000,
  stallMs: 30_000,
  idleConnectionMs: 75_000,
  closeMs: 3000,
  lookEveryMs: 5000,
});
