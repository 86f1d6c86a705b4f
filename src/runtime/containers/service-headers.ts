import type { IncomingHttpHeaders } from 'node:http';

/** Meaningful between two neighbours only. */
const HOP_BY_HOP = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** The caller's business with us, which is none of the service's. */
const OURS = ['authorization', 'cookie', 'expect', 'host', 'x-team-id'];

const STRIPPED_FROM_REQUESTS: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...OURS]);
const STRIPPED_FROM_ANSWERS: ReadonlySet<string> = new Set(HOP_BY_HOP);

export type RelayedHeaders = Record<string, string | string[]>;

/** The headers of a call that the service gets to see. */
export const toService = (headers: IncomingHttpHeaders): RelayedHeaders =>
  without(STRIPPED_FROM_REQUESTS, headers);

/** The headers of an answer that the caller gets to see. */
export const fromService = (headers: IncomingHttpHeaders): RelayedHeaders =>
  without(STRIPPED_FROM_ANSWERS, headers);

function without(stripped: ReadonlySet<string>, headers: IncomingHttpHeaders): RelayedHeaders {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const connection = lower.find(([name]) => name === 'connection')?.[1] ?? '';
  const named = new Set(
    String(connection)
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  );
  return Object.fromEntries(
    lower.filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined &&
        !entry[0].startsWith(':') &&
        !stripped.has(entry[0]) &&
        !named.has(entry[0]),
    ),
  );
}
