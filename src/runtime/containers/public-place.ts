import type { IncomingMessage } from 'node:http';

import type { RelayedHeaders } from './service-headers.js';

/** Where clients reach this server; a service needs it to name its own addresses. */
export interface PublicPlace {
  readonly proto: string;
  readonly host: string;
  /** Of the service, below which clients call it; empty when they name its own paths. */
  readonly prefix: string;
}

/** The place of a service for the caller of a request: the operator's public URL, or what a proxy in front says. */
export function placeOf(
  { headers }: IncomingMessage,
  publicUrl: string | undefined,
  slug: string,
): PublicPlace {
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

/** What tells a service under which address it was called, and by whom. */
export function forwardedHeaders({ headers, socket }: IncomingMessage, place: PublicPlace): RelayedHeaders {
  const { 'x-forwarded-for': before } = headers;
  const caller = socket.remoteAddress?.replace(/^::ffff:/, '');
  return {
    'x-forwarded-for': [before ?? [], caller ?? []].flat().join(', '),
    'x-forwarded-proto': place.proto,
    'x-forwarded-host': place.host,
    'x-forwarded-prefix': place.prefix,
  };
}

/** The headers of an answer in which addresses of the service lead through this server. */
export function relocated(
  headers: RelayedHeaders,
  port: number | undefined,
  place: PublicPlace,
): RelayedHeaders {
  const own = new Set([`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, place.host]);
  const moved: RelayedHeaders = {};
  for (const name of ['location', 'content-location']) {
    const value = headers[name];
    if (value !== undefined) moved[name] = moveTo(place.prefix, String(value), own);
  }
  return { ...headers, ...moved };
}

function moveTo(prefix: string, location: string, own: ReadonlySet<string>): string {
  const path = pathOn(own, location);
  if (path === undefined) return location;
  // A service that knows of X-Forwarded-Prefix has done it itself.
  const isThere = path === prefix || path.startsWith(`${prefix}/`) || path.startsWith(`${prefix}?`);
  return isThere ? path : prefix + path;
}

/** The path a location names on the service; `undefined` when it leads elsewhere or is relative. */
function pathOn(own: ReadonlySet<string>, location: string): string | undefined {
  if (/^\/(?![/\\])/.test(location)) return location;
  const url = /^https?:\/\//i.test(location) ? URL.parse(location) : null;
  return url && own.has(url.host) ? url.pathname + url.search + url.hash : undefined;
}

function first(value: string | string[] | undefined, form: RegExp): string | undefined {
  const one = [value ?? []].flat().join(',').split(',')[0]?.trim();
  return one !== undefined && form.test(one) ? one : undefined;
}
