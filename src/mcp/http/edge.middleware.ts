import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { CONFIG, type Config } from '../../config/index.js';
import { Traffic } from '../calls/index.js';
import { CODE, Refusal } from '../protocol/index.js';
import { AllowedNames } from './allowed-names.js';
import { RefusalFilter } from './refusal.filter.js';
import { RefusedNames } from './refused-names.js';

const METHODS = 'GET, POST, DELETE, OPTIONS';
const REQUEST_HEADERS =
  'Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, traceparent';
const EXPOSED_HEADERS = 'Mcp-Session-Id, WWW-Authenticate';
const PREFLIGHT_SECONDS = '86400';

/** What is decided before anybody asks for a key: Host, Origin, CORS, the URL, and whether we are open at all. */
@Injectable()
export class EdgeMiddleware implements NestMiddleware<IncomingMessage, ServerResponse> {
  private readonly refusedNames = new RefusedNames();

  constructor(
    private readonly names: AllowedNames,
    private readonly traffic: Traffic,
    private readonly filter: RefusalFilter,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  use(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (this.admits(request, response)) next();
  }

  /** Whether there is something left to do: what is refused here, or asked beforehand, has been answered. */
  admits(request: IncomingMessage, response: ServerResponse): boolean {
    const refusal = this.objection(request);
    const { origin } = request.headers;
    if (origin !== undefined && origin !== '') this.allowReading(origin, refusal, response);
    if (refusal) this.filter.answer(refusal, response);
    else if (request.method === 'OPTIONS') answerPreflight(request, response);
    else return true;
    return false;
  }

  private objection({ url = '', headers: { host, origin } }: IncomingMessage): Refusal | undefined {
    const target = url.startsWith('/') ? undefined : hostOf(url);
    if (!this.names.isHostAllowed(target ?? host ?? '')) {
      // A browser never sends the absolute form to a server; where one comes, it counts and not the header (RFC 9112 §3.2.2).
      return this.refusedNames.refusal(target === undefined ? 403 : 400, 'Host', target ?? host ?? 'none');
    }
    if (origin !== undefined && origin !== '' && !this.names.isOriginAllowed(origin)) {
      return this.refusedNames.refusal(403, 'Origin', origin);
    }
    const { urlLength } = this.config.limits;
    if (url.length > urlLength) return tooLong(urlLength);
    return this.traffic.isDraining ? closed() : undefined;
  }

  private allowReading(origin: string, refusal: Refusal | undefined, response: ServerResponse): void {
    response.setHeader('Vary', 'Origin');
    const isStranger = refusal?.status === 403 || refusal?.status === 400;
    if (isStranger || !this.names.isCorsAllowed(origin)) return;
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
  }
}

/** The host in a request target of absolute form. */
const hostOf = (target: string): string => URL.parse(target)?.host ?? '';

const tooLong = (limit: number): Refusal =>
  new Refusal(414, CODE.refused, `URI Too Long: The URL must not exceed ${limit} characters`, {
    bound: 'url_length',
  });

function closed(): Refusal {
  const headers = { 'Retry-After': '1', Connection: 'close' };
  return new Refusal(503, CODE.refused, 'This server is shutting down. Try again in a moment.', { headers });
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
