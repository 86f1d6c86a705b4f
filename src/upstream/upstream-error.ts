import type { AxiosResponse } from 'axios';

import { errorText } from '../config/index.js';
import { type ErrorBody, isNeverConnected, serviceFailure } from '../contract/index.js';
import { DeadlineExceeded } from './deadline.js';
import { ResponseTooLarge } from './exchange.js';
import type { ApiRequest, Caller } from './request.js';

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

export function invalidResponse(request: ApiRequest, status: number, cause?: Error): UpstreamError {
  const { operation } = request;
  return new UpstreamError('invalid', bodyOf(request, 'invalid'), { operation, status, cause });
}

const REPEAT =
  'Call once more in about 10 s; if it fails again, tell the user that the runtime does not answer.';

/** Says whether the request may have taken effect, and what to do about it. */
function possibleEffect({ method, whenUnsure }: ApiRequest, wasSent = true): string {
  if (!wasSent) return `Nothing was sent, so nothing happened. ${REPEAT}`;
  if (method === 'GET') return `It changes nothing. ${REPEAT}`;
  return whenUnsure ?? 'It may have taken effect; check before you repeat it.';
}

function kindOf(thrown: unknown): Exclude<Unanswered, 'cancelled'> {
  if (thrown instanceof DeadlineExceeded) return 'timeout';
  if (thrown instanceof ResponseTooLarge) return 'invalid';
  return 'unreachable';
}

function bodyOf(request: ApiRequest, kind: Unanswered, cause?: ErrorWithCode): ErrorBody {
  const wasSent = cause?.code === undefined || !isNeverConnected(cause.code);
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
  const { name, stack, code } = thrown as NodeJS.ErrnoException;
  const cause = new Error(`${name}: ${errorText(thrown)}`);
  return Object.assign(cause, stack !== undefined && { stack }, typeof code === 'string' && { code });
}

const LONGEST_MESSAGE = 2000;
/** Of the log of a service. */
const MOST_LINES = 20;
const LONGEST_LINE = 300;
/** A whole credential; the short prefix that names a key in a list is not one. */
const CREDENTIAL = /\b[sad]k-[\w.~+/-]{16,}/g;

/** What to do about a status, beyond the runtime's own words. */
const NEXT_STEP: Readonly<Record<number, string>> = {
  401: 'The integration key is invalid, revoked or expired. Do not retry; ask the user for a new sk- key.',
  403: 'The key is valid but may not do this. Do not retry; tell the user which permission or feature is missing.',
  404: 'Check the id or slug with the matching list tool.',
  429: 'Wait for retry_after_seconds, or 10 s where it is missing, then call again.',
};

type ErrorResponse = Pick<AxiosResponse<Buffer>, 'status' | 'headers' | 'data'>;

/** The error for a response whose status is not 2xx. */
export function rejected({ key }: Caller, request: ApiRequest, response: ErrorResponse): UpstreamError {
  const { status } = response;
  // Redirects are not followed: the key must not go elsewhere.
  if (status < 400) return invalidResponse(request, status);
  const body = rejectionBody(response, key);
  // A gateway in between timed out; the runtime behind it may have gone on.
  if (status === 502 || status === 504) body.error_message += ` ${possibleEffect(request)}`;
  return new UpstreamError('rejected', body, { operation: request.operation, status });
}

/** The error for an id or slug that is not safe in a path: the request is not sent. */
export function unsafePath({ operation }: ApiRequest): UpstreamError {
  const error_message =
    'An id or slug holds a slash, a backslash or a control character, or is empty, "." or "..". Give it exactly as a list tool returned it.';
  return new UpstreamError('rejected', { error_message }, { operation });
}

/** The error for a request that this runtime would not understand: it is not sent. */
export function missingFeature({ operation }: ApiRequest, otherwise: string): UpstreamError {
  return new UpstreamError('rejected', { error_message: otherwise }, { operation });
}

/**
 * The part of an error response that a model may read: the reason, when to retry, what to do next. Fields the contract
 * does not name are dropped, and so is text that is not JSON: it may hold anything, prompt injections included.
 *
 * @param key masked if the runtime repeats it, as is everything else that looks like a key.
 */
export function rejectionBody({ status, headers, data }: ErrorResponse, key: string): ErrorBody {
  const body = parsed(data.toString('utf8'));
  const reason = reasonIn(body, key) ?? `The runtime refused with status ${status} and gave no reason.`;
  const seconds = secondsOf(headers['retry-after']) ?? secondsOf(body['retry_after_seconds']);
  const last_failure = failureIn(body, key);
  return {
    error_message: withNextStep(reason, status),
    ...(last_failure && { last_failure }),
    ...(last_failure?.log_lines?.length && { untrusted: ['last_failure.log_lines'] }),
    ...(seconds !== undefined && { retry_after_seconds: seconds }),
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Deployments differ in the name of the field. */
function reasonIn(body: Record<string, unknown>, key: string): string | undefined {
  const reason = [body['error_message'], body['message'], body['error']].find(isText);
  if (reason === undefined) return undefined;
  return oneLine(reason, key, LONGEST_MESSAGE);
}

/** Why the service that was called fails: only the fields of the contract, without keys. */
function failureIn(body: Record<string, unknown>, key: string): ErrorBody['last_failure'] {
  const { data } = serviceFailure.strip().safeParse(body['last_failure']);
  if (!data) return undefined;
  const clean = (text: string): string => oneLine(text, key, LONGEST_LINE);
  const { reason, failed_at, log_lines, ...numbers } = data;
  return {
    reason: clean(reason),
    ...numbers,
    ...(failed_at && { failed_at: clean(failed_at) }),
    ...(log_lines && { log_lines: log_lines.slice(-MOST_LINES).map(clean) }),
  };
}

/** Text of others as one line, without keys. */
function oneLine(text: string, key: string, longest: number): string {
  const line = text
    .replaceAll(key, '[key]')
    .replaceAll(CREDENTIAL, '[key]')
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();
  return line.length > longest ? `${line.slice(0, longest).toWellFormed()}…` : line;
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

/** The runtime's own words, followed by the next step if there is one. */
function withNextStep(reason: string, status: number): string {
  const step = NEXT_STEP[status];
  if (step === undefined) return reason;
  return `${/[.!?…]$/.test(reason) ? reason : `${reason}.`} ${step}`;
}

/** Seconds, or a date; whole and not negative. */
function secondsOf(value: unknown): number | undefined {
  if (typeof value !== 'number' && !isText(value)) return undefined;
  const seconds = Number(value);
  const left = Number.isFinite(seconds) ? seconds : (Date.parse(String(value)) - Date.now()) / 1000;
  return Number.isFinite(left) ? Math.max(0, Math.ceil(left)) : undefined;
}
