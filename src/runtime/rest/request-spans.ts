import { type Span, SpanKind } from '@opentelemetry/api';
import type { NextFunction, Request, Response } from 'express';

import type { Config } from '../../config/index.js';
import { failSpan, noteInScope, startSpan, traceContextIn, traceContextOf } from '../../telemetry/index.js';

const SERVER_ERROR = 500;
/** Where the Runtime API and its files are; the MCP endpoint has spans of its own. */
const RUNTIME_PATH = /^\/api\/v1\/(?!mcp(?:[/?]|$))/;
/** The token of a link opens a file, and a path of a service is text of a caller. */
const HIDDEN = /^(\/api\/v1\/(?:links|uploads|r\/containers\/[^/]+))\/.*/s;
/** The answer was not sent whole: the client has closed the connection. */
const GONE = 'cancelled';

export const isOfRuntime = ({ originalUrl }: Pick<Request, 'originalUrl'>): boolean =>
  RUNTIME_PATH.test(originalUrl);

type Middleware = (request: Request, response: Response, next: NextFunction) => void;

/** A span for every request to the runtime, where traces are configured; it ends with the response. */
export function traceRequests({ traces: { settings } }: Pick<Config, 'traces'>): Middleware | undefined {
  if (!settings) return undefined;
  return (request, response, next) => {
    if (isOfRuntime(request)) trace(request, response, settings.isPropagated);
    next();
  };
}

function trace(request: Request, response: Response, isContinued: boolean): void {
  const { method, headers, protocol, path } = request;
  const span = startSpan(method, {
    kind: SpanKind.SERVER,
    parent: isContinued ? traceContextIn(headers) : undefined,
    attributes: {
      'http.request.method': method,
      'url.scheme': protocol,
      'url.path': path.replace(HIDDEN, '$1/…'),
    },
  });
  const context = traceContextOf(span);
  if (context) noteInScope({ trace: context });
  response.once('close', () => end(span, request, response));
}

function end(span: Span, request: Request, response: Response): void {
  const route = routeOf(request);
  if (route !== undefined) {
    span.setAttribute('http.route', route);
    span.updateName(`${request.method} ${route}`);
  }
  const { statusCode, writableFinished, headersSent } = response;
  if (headersSent) span.setAttribute('http.response.status_code', statusCode);
  if (!writableFinished && !isEventStream(response)) failSpan(span, GONE);
  else if (statusCode >= SERVER_ERROR) failSpan(span, String(statusCode));
  span.end();
}

/** Its client ends it when it has read enough. */
const isEventStream = (response: Response): boolean =>
  String(response.getHeader('content-type')).startsWith('text/event-stream');

/** The pattern of the path; `undefined` for one that no route has. */
export function routeOf({ route }: Request): string | undefined {
  const path: unknown = typeof route === 'object' && route !== null ? Reflect.get(route, 'path') : undefined;
  return typeof path === 'string' ? path : undefined;
}
