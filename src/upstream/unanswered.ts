import type { ErrorBody } from '../contract/index.js';
import { DeadlinePassed } from './cutoff.js';
import type { Asked } from './request.js';
import { AnswerTooLarge } from './read-whole.js';
import { UpstreamError, type UpstreamFailure } from './upstream-error.js';

/** Codes of Node and undici for a connection that never came to be: nothing can have happened. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|UND_ERR_CONNECT_TIMEOUT|UND_ERR_INVALID_ARG|ERR_TLS_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+)$/;

/** The error for a call that ended without an answer we can use. Its text is all ours. */
export function unanswered(asked: Asked, signal: AbortSignal, thrown: unknown): UpstreamError {
  if (thrown instanceof UpstreamError) return thrown;
  const cause = harmless(thrown);
  const kind = signal.aborted ? 'cancelled' : kindOf(thrown);
  return new UpstreamError(kind, bodyOf(asked, kind, cause), { operation: asked.operation, cause });
}

/** The error for an answer outside the contract. */
export function misunderstood(asked: Asked, status: number, cause?: Error): UpstreamError {
  const { operation } = asked;
  return new UpstreamError('broken', bodyOf(asked, 'broken'), { operation, status, cause });
}

function kindOf(thrown: unknown): Exclude<UpstreamFailure, 'refused' | 'cancelled'> {
  if (thrown instanceof DeadlinePassed) return 'timeout';
  if (thrown instanceof AnswerTooLarge) return 'broken';
  return 'unreachable';
}

function bodyOf(asked: Asked, kind: Exclude<UpstreamFailure, 'refused'>, cause?: ThrownElsewhere): ErrorBody {
  const wasSent = cause?.code === undefined || !NEVER_CONNECTED.test(cause.code);
  return { error_message: `${whatHappened(asked.operation, kind, wasSent)} ${whatItMeans(asked, wasSent)}` };
}

function whatHappened(
  operation: string,
  kind: Exclude<UpstreamFailure, 'refused'>,
  wasSent: boolean,
): string {
  switch (kind) {
    case 'broken':
      return `This server does not understand the runtime's answer when asked to ${operation}.`;
    case 'timeout':
      return `The runtime did not answer in time when asked to ${operation}.`;
    case 'unreachable':
      return wasSent
        ? `The connection to the runtime failed when it was asked to ${operation}.`
        : `The runtime cannot be reached to ${operation}.`;
    case 'cancelled':
      return `The call to ${operation} was given up.`;
  }
}

function whatItMeans({ method, whenUnsure }: Asked, wasSent: boolean): string {
  if (!wasSent) return 'Nothing was sent, so nothing happened; try again later.';
  if (method === 'GET') return 'It changes nothing; try again later.';
  return whenUnsure ?? 'It may have taken effect; check before you repeat it.';
}

interface ThrownElsewhere extends Error {
  readonly code?: string;
}

/** What was thrown, without what hangs on it: axios and undici errors may carry the request's headers. */
function harmless(thrown: unknown): ThrownElsewhere {
  if (!(thrown instanceof Error)) return new Error('thrown without an error');
  const { code } = thrown as NodeJS.ErrnoException;
  return Object.assign(
    new Error(`${thrown.name}: ${thrown.message}`),
    typeof code === 'string' ? { code } : {},
  );
}
