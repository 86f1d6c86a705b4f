import { errorText, StartError } from '../../config/index.js';
import { ObjectStoreUnavailable } from './object-store.js';

/** What an error of the SDK or of the network says about its cause; `name` is the error code of S3. */
interface S3Problem extends Error {
  /** Of Node. */
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

export const statusOf = (error: unknown): number | undefined =>
  (error as S3Problem).$metadata?.httpStatusCode;

/** Options of a call of the SDK that ends it, with its repetitions, after a time. */
export function limited(milliseconds: number, signal?: AbortSignal): { abortSignal: AbortSignal } {
  const limit = AbortSignal.timeout(milliseconds);
  return { abortSignal: signal ? AbortSignal.any([signal, limit]) : limit };
}

/** @throws {ObjectStoreUnavailable} always, with the error of a call as its cause. */
export function unavailable(error: unknown): never {
  throw new ObjectStoreUnavailable(error);
}

/** Why the bucket cannot be used at start; without the secret and the text of the response. */
export function unusableBucket(bucket: string, endpoint: string, error: unknown): StartError {
  const { origin } = new URL(endpoint);
  const sentence = refusal(bucket, origin, error as S3Problem) ?? unreachable(origin, error as S3Problem);
  return new StartError(sentence, { cause: error });
}

/** `undefined` when there was no response. */
function refusal(bucket: string, origin: string, error: S3Problem): string | undefined {
  const status = statusOf(error);
  if (status === undefined) return undefined;
  const refused = `The object store at ${origin} refuses`;
  if (error.name === 'RequestTimeTooSkewed')
    return `${refused} requests from this machine, because its clock is wrong. Set the clock, then start again.`;
  if (error.name === 'NoSuchBucket')
    return `The object store at ${origin} has no bucket "${bucket}". Create it, or name another one in CYBERUN_S3_BUCKET.`;
  if (/Token/.test(error.name))
    return `${refused} the session token. Make a new one, and set CYBERUN_S3_SESSION_TOKEN with its access key.`;
  if (UNKNOWN_KEY.test(error.name) || status === 401 || status === 403)
    return `${refused} the access key for bucket "${bucket}". Check CYBERUN_S3_ACCESS_KEY_ID, CYBERUN_S3_SECRET_ACCESS_KEY, and what the key may do there.`;
  return `The object store at ${origin} does not serve bucket "${bucket}" in this way (status ${status}). Check CYBERUN_S3_ENDPOINT, CYBERUN_S3_REGION and CYBERUN_S3_ADDRESSING.`;
}

/** Code of S3, and of versitygw, which answers with 404. */
const UNKNOWN_KEY = /^(InvalidAccessKeyId|XAdminUserNotFound)$/;

function unreachable(origin: string, problem: S3Problem): string {
  const reason = REASONS[problem.code ?? ''] ?? REASONS[problem.name] ?? errorText(problem);
  return `CYBERUN_S3_ENDPOINT leads to ${origin}, but ${reason}. Check the address and the store. Example: https://s3.eu-central-1.amazonaws.com`;
}

/** By code of Node or name of the error, as a part of a sentence. */
const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  AbortError: 'it does not answer',
  TimeoutError: 'it does not answer',
};
