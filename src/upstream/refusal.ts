import type { ErrorBody } from '../contract/index.js';

const LONGEST_MESSAGE = 2000;
/** A whole credential; the short prefix by which people name one is none. */
const CREDENTIAL = /\b[sad]k-[\w.~+/-]{16,}/g;

/** What a status means for whoever reads the refusal, beyond the runtime's own words. */
const NEXT_STEP: Readonly<Record<number, string>> = {
  401: 'The integration key is invalid, revoked or expired. Do not retry; ask the user for a new sk- key.',
  403: 'The key is valid but may not do this. Do not retry; tell the user which permission or feature is missing.',
  404: 'Check the id or slug with the matching list tool.',
  429: 'Too many calls at once. Wait before the next one.',
};

interface Refusal {
  readonly status: number;
  /** Value of the `Retry-After` header. */
  readonly retryAfter: string | undefined;
  /** Text of the answer, whatever it is. */
  readonly text: string;
  /** Never shown, should the runtime repeat it; nor is anything else that looks like a key. */
  readonly key: string;
}

/**
 * What a model may read of a refusal: the reason, when to come back, what to do next. Fields the contract does not
 * name stay behind, and so does text that is not JSON: it may be anything, a stranger's instructions included.
 */
export function refusalBody({ status, retryAfter, text, key }: Refusal): ErrorBody {
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

/** The runtime's own words, with the next step behind them where there is one. */
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
