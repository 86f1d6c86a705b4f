import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { OWN_REQUEST_HEADER } from '../../http/index.js';

/** Headers of a single connection (RFC 9110, section 7.6.1). */
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
/** Headers for this server, which the service must not get. */
const FOR_THIS_SERVER = ['authorization', 'cookie', 'expect', 'host', 'x-team-id', OWN_REQUEST_HEADER];

const STRIPPED_FROM_REQUESTS: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...FOR_THIS_SERVER]);
const STRIPPED_FROM_ANSWERS: ReadonlySet<string> = new Set(HOP_BY_HOP);

export type ProxyHeaders = Record<string, string | string[]>;

/** The headers of a request that are forwarded to the service. */
export const toService = (headers: IncomingHttpHeaders): ProxyHeaders =>
  without(STRIPPED_FROM_REQUESTS, headers);

/** The headers of a response that are forwarded to the caller. */
export const fromService = (headers: IncomingHttpHeaders): ProxyHeaders =>
  without(STRIPPED_FROM_ANSWERS, headers);

function without(stripped: ReadonlySet<string>, headers: IncomingHttpHeaders): ProxyHeaders {
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

/** The public address of a service, which it needs to build its own URLs. */
interface PublicAddress {
  readonly proto: string;
  readonly host: string;
  /** Path prefix of the service for clients; empty when they use its own paths. */
  readonly prefix: string;
}

/** The public address of a service: from the configured public URL, or from the X-Forwarded headers. */
export function publicAddressOf(
  { headers }: IncomingMessage,
  publicUrl: string | undefined,
  slug: string,
): PublicAddress {
  const below = `/api/v1/r/containers/${slug}`;
  if (publicUrl !== undefined) {
    const { protocol, host, pathname } = new URL(publicUrl);
    return { proto: protocol.slice(0, -1), host, prefix: pathname.replace(/\/+$/, '') + below };
  }
  const { 'x-forwarded-proto': proto, 'x-forwarded-host': host, 'x-forwarded-prefix': path } = headers;
  return {
    proto: first(proto, /^https?$/i)?.toLowerCase() ?? 'http',
    host: first(host, /^[\w.:[\]-]+$/) ?? headers.host ?? '',
    prefix: (first(path, /^(?:\/[\w.~%-]+)+\/?$/)?.replace(/\/$/, '') ?? '') + below,
  };
}

/** The X-Forwarded headers for a service. */
export function forwardedHeaders({ headers, socket }: IncomingMessage, place: PublicAddress): ProxyHeaders {
  const { 'x-forwarded-for': before } = headers;
  const caller = socket.remoteAddress?.replace(/^::ffff:/, '');
  return {
    'x-forwarded-for': [before ?? [], caller ?? []].flat().join(', '),
    'x-forwarded-proto': place.proto,
    'x-forwarded-host': place.host,
    'x-forwarded-prefix': place.prefix,
  };
}

/** Rewrites Location headers that point to the service, so that they lead through this server. */
export function withRewrittenLocation(
  headers: ProxyHeaders,
  port: number | undefined,
  place: PublicAddress,
): ProxyHeaders {
  const own = new Set([`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, place.host]);
  const moved: ProxyHeaders = {};
  for (const name of ['location', 'content-location']) {
    const value = headers[name];
    if (value !== undefined) moved[name] = moveTo(place.prefix, String(value), own);
  }
  return { ...headers, ...moved };
}

function moveTo(prefix: string, location: string, own: ReadonlySet<string>): string {
  const path = pathOn(own, location);
  if (path === undefined) return location;
  // The service may have used X-Forwarded-Prefix itself.
  const isThere = path === prefix || path.startsWith(`${prefix}/`) || path.startsWith(`${prefix}?`);
  return isThere ? path : prefix + path;
}

/** The path of a location on the service; `undefined` when it points elsewhere or is relative. */
function pathOn(own: ReadonlySet<string>, location: string): string | undefined {
  if (/^\/(?![/\\])/.test(location)) return location;
  const url = /^https?:\/\//i.test(location) ? URL.parse(location) : null;
  return url && own.has(url.host) ? url.pathname + url.search + url.hash : undefined;
}

function first(value: string | string[] | undefined, form: RegExp): string | undefined {
  const one = [value ?? []].flat().join(',').split(',')[0]?.trim();
  return one !== undefined && form.test(one) ? one : undefined;
}
