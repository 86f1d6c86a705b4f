import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

import type { BucketAccount } from './link-signer.js';

/** The signed parts of a request. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, unchanged. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Error code of S3. */
export type SignatureRefusal = 'AccessDenied' | 'SignatureDoesNotMatch' | 'ExpiredLink';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const TIME = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const WEEK_SECONDS = 604_800;

/**
 * Checks the Signature Version 4 in the query of a request. The signature contains the host of one of `origins`; the
 * `Host` header is ignored, since a proxy may have changed it.
 *
 * @returns the error, or `undefined` when the signature is valid.
 */
export function signatureRefusal(
  request: SignedRequest,
  account: BucketAccount,
  origins: readonly string[],
): SignatureRefusal | undefined {
  const [path = '', queryText = ''] = request.target.split('?', 2);
  const query = new URLSearchParams(queryText);
  const given = query.get('X-Amz-Signature');
  const time = query.get('X-Amz-Date') ?? '';
  const scope = `${time.slice(0, 8)}/${account.region}/s3/aws4_request`;
  const isForThisStore =
    query.get('X-Amz-Algorithm') === ALGORITHM &&
    query.get('X-Amz-Credential') === `${account.accessKeyId}/${scope}`;
  if (!isForThisStore || given === null) return 'AccessDenied';
  const signedHeaders = (query.get('X-Amz-SignedHeaders') ?? '').split(';');
  const matches = origins.some((origin) => {
    const { host, pathname } = new URL(origin);
    const canonical = [
      request.method,
      encodedPath(pathname.replace(/\/$/, '') + path),
      canonicalQuery(query),
      ...signedHeaders.map((name) => `${name}:${name === 'host' ? host : valueOf(request, name)}`),
      '',
      signedHeaders.join(';'),
      'UNSIGNED-PAYLOAD',
    ].join('\n');
    return isEqual(
      given,
      signatureOf([ALGORITHM, time, scope, sha256(canonical)].join('\n'), scope, account),
    );
  });
  if (!matches || !signedHeaders.includes('host')) return 'SignatureDoesNotMatch';
  return isInTime(time, Number(query.get('X-Amz-Expires'))) ? undefined : 'ExpiredLink';
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function signatureOf(text: string, scope: string, { secretAccessKey }: BucketAccount): string {
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  return hmac(key, text).toString('hex');
}

/** Constant-time comparison of bytes: a character may have several. */
function isEqual(given: string, right: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function isInTime(time: string, seconds: number): boolean {
  const [, ...fields] = TIME.exec(time) ?? [];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map(Number);
  const age = (Date.now() - Date.UTC(year, month - 1, day, hour, minute, second)) / 1000;
  // Tolerates a clock that is 5 minutes ahead.
  return seconds > 0 && seconds <= WEEK_SECONDS && age >= -300 && age <= seconds;
}

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const encodedPath = (path: string): string =>
  path
    .split('/')
    .map((segment) => encode(decoded(segment)))
    .join('/');

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const canonicalQuery = (query: URLSearchParams): string =>
  [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');

function valueOf({ headers }: SignedRequest, name: string): string {
  return [headers[name] ?? ''].flat().join(',').trim().replaceAll(/\s+/g, ' ');
}
