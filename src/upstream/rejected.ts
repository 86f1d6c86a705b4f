import type { AxiosResponse } from 'axios';

import type { ErrorBody } from '../contract/index.js';
import type { ApiRequest, Caller } from './request.js';
import { invalidResponse, possibleEffect, UpstreamError } from './upstream-error.js';

const LONGEST_MESSAGE = 2000;
/** A whole credential; the short prefix that names a key in a list is not one. */
const CREDENTIAL = /\b[sad]k-[\w.~+/-]{16,}/g;

/** What to do about a status, beyond the runtime's own words. */
const NEXT_STEP: Readonly<Record<number, string>> = {
  401: 'The integration key is invalid, revoked or expired. Do not retry; ask the user for a new sk- key.',
  403: 'The key is valid but may not do this. Do not retry; tell the user which permission or feature is missing.',
  404: 'Check the id or slug with the matching list tool.',
  429: 'Too many calls at once. Wait before the next one.',
};

/** The error for a response whose status is not 2xx. */
export function rejected(
  { key }: Caller,
  request: ApiRequest,
  response: AxiosResponse<Buffer>,
): UpstreamError {
  const { status, headers, data } = response;
  // Redirects are not followed: the key must not go elsewhere.
  if (status < 400) return invalidResponse(request, status);
  const header: unknown = headers['retry-after'];
  const retryAfter = typeof header === 'string' ? header : undefined;
  const body = rejectionBody({ status, retryAfter, text: data.toString('utf8'), key });
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

interface Rejection {
  readonly status: number;
  /** Value of the `Retry-After` header. */
  readonly retryAfter: string | undefined;
  /** Body of the response, of any type. */
  readonly text: string;
  /** Masked if the runtime repeats it, as is everything else that looks like a key. */
  readonly key: string;
}

/**
 * The part of an error response that a model may read: the reason, when to retry, what to do next. Fields the contract
 * does not name are dropped, and so is text that is not JSON: it may hold anything, prompt injections included.
 */
export function rejectionBody({ status, retryAfter, text, key }: Rejection): ErrorBody {
  const body = parsed(text);
  const reason = reasonIn(body, key) ?? `The runtime refused with status ${status} and gave no reason.`;
  const seconds = secondsOf(retryAfter) ?? secondsOf(body['retry_after_seconds']);
  return {
    error_message: withNextStep(reason, status),
    ...(seconds === undefined ? {} : { retry_after_seconds: seconds }),
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
  const line = reason
    .replaceAll(key, '[key]')
    .replaceAll(CREDENTIAL, '[key]')
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE)}…` : line;
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
