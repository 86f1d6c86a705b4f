import type { ErrorBody } from '../contract/index.js';

/** Why a REST call gave no answer we can use, in our own words; HTTP stays behind this line. */
export type UpstreamFailure =
  | 'refused' // it answered, and the answer was no
  | 'broken' // it answered something outside the contract
  | 'timeout' // no answer before the deadline
  | 'unreachable' // no connection, or one that broke
  | 'cancelled'; // our caller gave up first

interface Circumstances {
  readonly operation: string;
  readonly status?: number | undefined;
  readonly cause?: Error | undefined;
}

/** The one error that leaves this area. `body` is safe for a model; the rest is for the log and holds no key. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly operation: string;
  readonly status: number | undefined;

  constructor(
    readonly kind: UpstreamFailure,
    readonly body: ErrorBody,
    { operation, status, cause }: Circumstances,
  ) {
    super(`${operation}: ${kind}${status === undefined ? '' : ` (status ${status})`}`, { cause });
    this.operation = operation;
    this.status = status;
  }
}
