import type { ErrorBody } from '../contract/index.js';
import { DeadlineExceeded } from './deadline.js';
import { ResponseTooLarge } from './exchange.js';
import type { ApiRequest } from './request.js';

/** Why a request gave no usable response. HTTP details stay inside this area. */
export type UpstreamFailure =
  | 'rejected' // status >= 400, or a request that is not sent because its path is not safe
  | 'invalid' // the response does not match the contract
  | 'timeout' // no complete response before the deadline
  | 'unreachable' // connection refused, or lost
  | 'cancelled'; // the caller aborted the request

interface ErrorDetails {
  readonly operation: string;
  readonly status?: number | undefined;
  readonly cause?: Error | undefined;
}

/** The only error that leaves this area. `body` is safe to show to a model; the rest is for the log and holds no key. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly operation: string;
  readonly status: number | undefined;

  constructor(
    readonly kind: UpstreamFailure,
    readonly body: ErrorBody,
    { operation, status, cause }: ErrorDetails,
  ) {
    super(`${operation}: ${kind}${status === undefined ? '' : ` (status ${status})`}`, { cause });
    this.operation = operation;
    this.status = status;
  }
}

type Unanswered = Exclude<UpstreamFailure, 'rejected'>;

/** Codes of Node and undici for a connection that was never established: the request had no effect. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|UND_ERR_CONNECT_TIMEOUT|UND_ERR_INVALID_ARG|ERR_TLS_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+)$/;

const WHAT_HAPPENED: Readonly<Record<Unanswered, (operation: string) => string>> = {
  invalid: (operation) => `This server does not understand the runtime's answer when asked to ${operation}.`,
  timeout: (operation) => `The runtime did not answer in time when asked to ${operation}.`,
  unreachable: (operation) => `The connection to the runtime failed when it was asked to ${operation}.`,
  cancelled: (operation) =>
    `This server gave up the call to ${operation}, most likely because it is being restarted.`,
};

/** The error for a request that ended without a usable response. Its text holds nothing from outside. */
export function noResponse(request: ApiRequest, signal: AbortSignal, thrown: unknown): UpstreamError {
  if (thrown instanceof UpstreamError) return thrown;
  const cause = withoutHeaders(thrown);
  const kind = signal.aborted ? 'cancelled' : kindOf(thrown);
  const body = thrown instanceof ResponseTooLarge ? tooLarge(request, thrown) : bodyOf(request, kind, cause);
  return new UpstreamError(kind, body, { operation: request.operation, cause });
}

/** The error for a response outside the contract. */
export function invalidResponse(request: ApiRequest, status: number, cause?: Error): UpstreamError {
  const { operation } = request;
  return new UpstreamError('invalid', bodyOf(request, 'invalid'), { operation, status, cause });
}

/** Says whether the request may have taken effect, and what to do about it. */
export function possibleEffect({ method, whenUnsure }: ApiRequest, wasSent = true): string {
  if (!wasSent) return 'Nothing was sent, so nothing happened; try again later.';
  if (method === 'GET') return 'It changes nothing; try again later.';
  return whenUnsure ?? 'It may have taken effect; check before you repeat it.';
}

function kindOf(thrown: unknown): Exclude<Unanswered, 'cancelled'> {
  if (thrown instanceof DeadlineExceeded) return 'timeout';
  if (thrown instanceof ResponseTooLarge) return 'invalid';
  return 'unreachable';
}

function bodyOf(request: ApiRequest, kind: Unanswered, cause?: ErrorWithCode): ErrorBody {
  const wasSent = cause?.code === undefined || !NEVER_CONNECTED.test(cause.code);
  return { error_message: `${WHAT_HAPPENED[kind](request.operation)} ${possibleEffect(request, wasSent)}` };
}

function tooLarge(request: ApiRequest, { limit }: ResponseTooLarge): ErrorBody {
  const what = `The runtime's answer is larger than the ${limit} bytes this server takes when it asks to ${request.operation}.`;
  const next =
    request.method === 'GET' ? 'It would be again; ask for less, if you can.' : possibleEffect(request);
  return { error_message: `${what} ${next}` };
}

interface ErrorWithCode extends Error {
  readonly code?: string;
}

/** A copy with name, message, stack and code only: errors of axios and undici may carry the headers of the request. */
function withoutHeaders(thrown: unknown): ErrorWithCode {
  if (!(thrown instanceof Error)) return new Error('thrown without an error');
  const { name, message, stack, code } = thrown as NodeJS.ErrnoException;
  const cause = new Error(`${name}: ${message}`);
  return Object.assign(cause, stack !== undefined && { stack }, typeof code === 'string' && { code });
}
