import type { ErrorBody } from '../contract/index.js';
import { DeadlinePassed } from './cutoff.js';
import type { Asked } from './request.js';
import { AnswerTooLarge } from './read-whole.js';
import { UpstreamError, type UpstreamFailure } from './upstream-error.js';

type Unanswered = Exclude<UpstreamFailure, 'refused'>;

/** Codes of Node and undici for a connection that never came to be: nothing can have happened. */
const NEVER_CONNECTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|UND_ERR_CONNECT_TIMEOUT|UND_ERR_INVALID_ARG|ERR_TLS_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+)$/;

/** The error for a call that ended without an answer we can use. Its text is all ours. */
export function unanswered(asked: Asked, signal: AbortSignal, thrown: unknown): UpstreamError {
  if (thrown instanceof UpstreamError) return thrown;
  const cause = harmless(thrown);
  const kind = signal.aborted ? 'cancelled' : kindOf(thrown);
  const body = thrown instanceof AnswerTooLarge ? tooLarge(asked, thrown) : bodyOf(asked, kind, cause);
  return new UpstreamError(kind, body, { operation: asked.operation, cause });
}

/** The error for an answer outside the contract. */
export function misunderstood(asked: Asked, status: number, cause?: Error): UpstreamError {
  const { operation } = asked;
  return new UpstreamError('broken', bodyOf(asked, 'broken'), { operation, status, cause });
}

function kindOf(thrown: unknown): Exclude<Unanswered, 'cancelled'> {
  if (thrown instanceof DeadlinePassed) return 'timeout';
  if (thrown instanceof AnswerTooLarge) return 'broken';
  return 'unreachable';
}

function bodyOf(asked: Asked, kind: Unanswered, cause?: ThrownElsewhere): ErrorBody {
  const wasSent = cause?.code === undefined || !NEVER_CONNECTED.test(cause.code);
  return { error_message: `${WHAT_HAPPENED[kind](asked.operation)} ${whatItMeans(asked, wasSent)}` };
}

function tooLarge(asked: Asked, { limit }: AnswerTooLarge): ErrorBody {
  const what = `The runtime's answer is larger than the ${limit} bytes this server takes when it asks to ${asked.operation}.`;
  const todo = asked.method === 'GET' ? 'It would be again; ask for less, if you can.' : whatItMeans(asked);
  return { error_message: `${what} ${todo}` };
}

const WHAT_HAPPENED: Readonly<Record<Unanswered, (operation: string) => string>> = {
  broken: (operation) => `This server does not understand the runtime's answer when asked to ${operation}.`,
  timeout: (operation) => `The runtime did not answer in time when asked to ${operation}.`,
  unreachable: (operation) => `The connection to the runtime failed when it was asked to ${operation}.`,
  cancelled: (operation) =>
    `This server gave up the call to ${operation}, most likely because it is being restarted.`,
};

/** Whether the call may have taken effect, and what to do about it. */
export function whatItMeans({ method, whenUnsure }: Asked, wasSent = true): string {
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
  const { name, message, stack, code } = thrown as NodeJS.ErrnoException;
  const cause = new Error(`${name}: ${message}`);
  return Object.assign(cause, stack !== undefined && { stack }, typeof code === 'string' && { code });
}
