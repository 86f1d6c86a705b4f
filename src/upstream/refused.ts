import type { AxiosResponse } from 'axios';

import type { Caller } from './caller.js';
import { refusalBody } from './refusal.js';
import type { Asked } from './request.js';
import { misunderstood, whatItMeans } from './unanswered.js';
import { UpstreamError } from './upstream-error.js';

/** The error for an answer that is no success. */
export function refused({ key }: Caller, asked: Asked, response: AxiosResponse<Buffer>): UpstreamError {
  const { status, headers, data } = response;
  // We never follow a redirect: it would take the key elsewhere.
  if (status < 400) return misunderstood(asked, status);
  const told: unknown = headers['retry-after'];
  const retryAfter = typeof told === 'string' ? told : undefined;
  const body = refusalBody({ status, retryAfter, text: data.toString('utf8'), key });
  // A gateway in between gave up; the runtime behind it may not have.
  if (status === 502 || status === 504) body.error_message += ` ${whatItMeans(asked)}`;
  return new UpstreamError('refused', body, { operation: asked.operation, status });
}

/** The error for an id that is none: it is never sent. */
export function unsafePath({ operation }: Asked): UpstreamError {
  const error_message =
    'An id or slug holds a slash, a backslash or a control character, or is empty, "." or "..". Give it exactly as a list tool returned it.';
  return new UpstreamError('refused', { error_message }, { operation });
}
