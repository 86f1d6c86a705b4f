import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger, type NestMiddleware } from '@nestjs/common';

import { Addresses, CONFIG, type Config } from '../../config/index.js';
import { inRequestScope, REQUEST_ID_HEADER } from '../../http/index.js';
import { InFlightRequests } from '../calls/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { JsonRpcErrorFilter } from './json-rpc-error.filter.js';

const SETTINGS = { Host: 'CYBERUN_MCP_ALLOWED_HOSTS', Origin: 'CYBERUN_MCP_ALLOWED_ORIGINS' } as const;

/** How many values of a header are cached or logged, and their maximum length: clients choose them. */
const CAP = 100;
const LONGEST = 200;
const LOCALHOST: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Allowed values of Host and Origin: protection against DNS rebinding, and the rule of CORS. */
class AllowedHosts {
  private readonly logger = new Logger(AllowedHosts.name);
  private readonly hosts: ReadonlySet<string> | undefined;
  private readonly origins: ReadonlySet<string> | undefined;
  private readonly corsOrigins: ReadonlySet<string> | undefined;
  /** Values in the log, each once. */
  private readonly logged = new Set<string>();
  /** Hosts already allowed: clients send the same one in every request. */
  private readonly seenHosts = new Set<string>();

  constructor(
    { mcpAllowedHosts, mcpAllowedOrigins, httpCorsOrigins }: Config,
    private readonly addresses: Addresses,
  ) {
    this.hosts = lowerCase(mcpAllowedHosts);
    this.origins = lowerCase(mcpAllowedOrigins);
    this.corsOrigins = lowerCase(httpCorsOrigins);
  }

  /** A listed name allows every port, unless it is listed with one. */
  isHostAllowed(host: string): boolean {
    if (this.seenHosts.has(host)) return true;
    const isAllowed = this.isOneOfOurs(host);
    if (isAllowed && this.seenHosts.size < CAP) this.seenHosts.add(host);
    return isAllowed;
  }

  isOriginAllowed(origin: string): boolean {
    if (this.origins) return this.origins.has(origin.toLowerCase());
    const url = urlOf(origin);
    return url !== undefined && (isLocal(url) || url.origin === urlOf(this.addresses.public)?.origin);
  }

  /** Whether pages of an allowed origin may also read the responses. */
  isCorsAllowed(origin: string): boolean {
    return this.corsOrigins ? this.corsOrigins.has(origin.toLowerCase()) : this.isOriginAllowed(origin);
  }

  /** Rejects a value that is not allowed, with the setting to change; each is logged once. */
  rejection(status: 400 | 403, header: keyof typeof SETTINGS, value: string): JsonRpcHttpError {
    const setting = SETTINGS[header];
    this.logOnce(header, value.slice(0, LONGEST));
    const message = `Invalid ${header}: ${value}. If this server is to answer for it, add it to ${setting}, which replaces the default list`;
    return new JsonRpcHttpError(status, CODE.serverError, message);
  }

  private isOneOfOurs(host: string): boolean {
    const name = urlOf(`http://${host}`);
    if (name === undefined) return false;
    if (this.hosts) return this.hosts.has(name.hostname) || this.hosts.has(host.toLowerCase());
    return LOCALHOST.has(name.hostname) || name.hostname === urlOf(this.addresses.public)?.hostname;
  }

  private logOnce(header: keyof typeof SETTINGS, value: string): void {
    const name = `${header}: ${value}`;
    if (this.logged.has(name) || this.logged.size >= CAP) return;
    this.logged.add(name);
    this.logger.warn(
      `MCP requests with "${name}" are refused. If they should be served, add the name to ${SETTINGS[header]}, which replaces the default list. Further ones are not logged.`,
    );
  }
}

const isLocal = ({ protocol, hostname }: URL): boolean =>
  (protocol === 'http:' || protocol === 'https:') && LOCALHOST.has(hostname);

const urlOf = (text: string): URL | undefined => URL.parse(text) ?? undefined;

const lowerCase = (names: readonly string[] | undefined): ReadonlySet<string> | undefined =>
  names && new Set(names.map((name) => name.toLowerCase()));

const JSON_TYPE = 'application/json';
const STREAM_TYPE = 'text/event-stream';

const ZERO = /^q\s*=\s*0(?:\.0*)?$/i;

/** Which content types of a response a client accepts: JSON and event streams. */
export class AcceptHeader {
  /** Header values that accept both: a client sends the same one every time. */
  private readonly takingBoth = new Set<string>();

  /**
   * For a request whose response may be JSON or a stream.
   *
   * @throws {JsonRpcHttpError} 406
   */
  requireBoth({ accept = '' }: IncomingHttpHeaders): void {
    if (this.takingBoth.has(accept)) return;
    if (!isAccepted(accept, JSON_TYPE) || !isAccepted(accept, STREAM_TYPE)) {
      throw notAcceptable(`both ${JSON_TYPE} and ${STREAM_TYPE}`);
    }
    if (this.takingBoth.size < CAP && accept.length <= LONGEST) this.takingBoth.add(accept);
  }
}

/**
 * For a request whose response is always a stream.
 *
 * @throws {JsonRpcHttpError} 406
 */
export function requireStreamAccepted({ accept = '' }: IncomingHttpHeaders): void {
  if (!isAccepted(accept, STREAM_TYPE)) throw notAcceptable(STREAM_TYPE);
}

const notAcceptable = (wanted: string): JsonRpcHttpError =>
  new JsonRpcHttpError(406, CODE.serverError, `Not Acceptable: Client must accept ${wanted}`);

/** Of the ranges that include a type, the most precise decides (RFC 9110 §12.5.1). */
function isAccepted(accept: string, type: string): boolean {
  const ranges = new Map(accept.split(',').map(mediaRange));
  const ofItsKind = `${type.slice(0, type.indexOf('/'))}/*`;
  return ranges.get(type) ?? ranges.get(ofItsKind) ?? ranges.get('*/*') ?? false;
}

/** A range and whether it is accepted; parameters other than its weight are ignored. */
function mediaRange(text: string): [range: string, isWanted: boolean] {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim());
  return [range.toLowerCase(), !parameters.some((parameter) => ZERO.test(parameter))];
}

const METHODS = 'GET, POST, DELETE, OPTIONS';
const REQUEST_HEADERS =
  'Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, traceparent, tracestate, X-Request-Id';
const EXPOSED_HEADERS = `Mcp-Session-Id, WWW-Authenticate, Retry-After, ${REQUEST_ID_HEADER}`;
const PREFLIGHT_SECONDS = '86400';

/** Checks before authentication: Host, Origin, CORS, the URL, and whether the server is draining. */
@Injectable()
export class HttpChecksMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  private readonly hosts: AllowedHosts;

  constructor(
    addresses: Addresses,
    private readonly inFlight: InFlightRequests,
    private readonly filter: JsonRpcErrorFilter,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.hosts = new AllowedHosts(config, addresses);
  }

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    inRequestScope(request, response, () => {
      if (this.admits(request, response)) next();
    });
  }

  /** Whether the request goes on; a rejected request or a preflight has been answered. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    const error = this.errorFor(request);
    const { origin } = request.headers;
    if (origin !== undefined && origin !== '') this.allowCors(origin, error, response);
    if (error) this.filter.answer(error, response);
    else if (request.method === 'OPTIONS') answerPreflight(request, response);
    else return true;
    return false;
  }

  private errorFor({ url = '', headers: { host, origin } }: IncomingMessage): JsonRpcHttpError | undefined {
    const target = url.startsWith('/') ? undefined : hostOf(url);
    if (!this.hosts.isHostAllowed(target ?? host ?? '')) {
      // A browser never sends the absolute form to a server; if present, it overrides the header (RFC 9112 §3.2.2).
      return this.hosts.rejection(target === undefined ? 403 : 400, 'Host', target ?? host ?? 'none');
    }
    if (origin !== undefined && origin !== '' && !this.hosts.isOriginAllowed(origin)) {
      return this.hosts.rejection(403, 'Origin', origin);
    }
    const { urlLength } = this.config.limits;
    if (url.length > urlLength) return tooLong(urlLength);
    return this.inFlight.isDraining ? closed() : undefined;
  }

  private allowCors(origin: string, error: JsonRpcHttpError | undefined, response: ServerResponse): void {
    response.setHeader('Vary', 'Origin');
    const isForeign = error?.status === 403 || error?.status === 400;
    if (isForeign || !this.hosts.isCorsAllowed(origin)) return;
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
  }
}

/** The host in a request target of absolute form. */
const hostOf = (target: string): string => URL.parse(target)?.host ?? '';

const tooLong = (limit: number): JsonRpcHttpError =>
  new JsonRpcHttpError(414, CODE.serverError, `URI Too Long: The URL must not exceed ${limit} characters`, {
    limit: 'url_length',
  });

function closed(): JsonRpcHttpError {
  const headers = { 'Retry-After': '1', Connection: 'close' };
  return new JsonRpcHttpError(503, CODE.serverError, 'This server is shutting down. Try again in a moment.', {
    headers,
  });
}

function answerPreflight({ headers }: IncomingMessage, response: ServerResponse): void {
  response.writeHead(204, {
    Allow: METHODS,
    'Access-Control-Allow-Methods': METHODS,
    'Access-Control-Allow-Headers': headers['access-control-request-headers'] ?? REQUEST_HEADERS,
    'Access-Control-Max-Age': PREFLIGHT_SECONDS,
  });
  response.end();
}
