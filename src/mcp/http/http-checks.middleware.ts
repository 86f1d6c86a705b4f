import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { CONFIG, type Config } from '../../config/index.js';
import { InFlightRequests } from '../calls/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { AllowedHosts, HostRejections } from './allowed-hosts.js';
import { JsonRpcErrorFilter } from './json-rpc-error.filter.js';

const METHODS = 'GET, POST, DELETE, OPTIONS';
const REQUEST_HEADERS =
  'Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, traceparent';
const EXPOSED_HEADERS = 'Mcp-Session-Id, WWW-Authenticate';
const PREFLIGHT_SECONDS = '86400';

/** Checks before authentication: Host, Origin, CORS, the URL, and whether the server is draining. */
@Injectable()
export class HttpChecksMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  private readonly rejections = new HostRejections();

  constructor(
    private readonly hosts: AllowedHosts,
    private readonly inFlight: InFlightRequests,
    private readonly filter: JsonRpcErrorFilter,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (this.admits(request, response)) next();
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
      return this.rejections.error(target === undefined ? 403 : 400, 'Host', target ?? host ?? 'none');
    }
    if (origin !== undefined && origin !== '' && !this.hosts.isOriginAllowed(origin)) {
      return this.rejections.error(403, 'Origin', origin);
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
