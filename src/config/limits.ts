/** Bounds that need no setting: no honest client comes near them. Tests give smaller ones. */
export interface Limits {
  /** Characters of the address of an MCP request. */
  readonly urlLength: number;
  /** Requests of one session that are in progress in one process. */
  readonly requestsPerSession: number;
  /** Until the headers of a request are there. */
  readonly headersMs: number;
  /** Until the body of an MCP request is there. */
  readonly bodyMs: number;
  /** All bodies of MCP requests that are arriving in one process; at least twice the limit of one. */
  readonly bodiesBytes: number;
  /** Without any progress on a connection whose client does not read what it asked for. */
  readonly stallMs: number;
  /** Without a request on a connection; longer than load balancers keep theirs, so that they are the ones to close it. */
  readonly idleConnectionMs: number;
  /** How often connections are looked at that send too slowly. */
  readonly lookEveryMs: number;
}

export const LIMITS: Limits = Object.freeze({
  urlLength: 4096,
  requestsPerSession: 100,
  headersMs: 20_000,
  bodyMs: 60_000,
  bodiesBytes: 256 * 1024 * 1024,
  stallMs: 30_000,
  idleConnectionMs: 75_000,
  lookEveryMs: 5000,
});
