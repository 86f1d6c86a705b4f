import { randomUUID } from 'node:crypto';
import {
  type IncomingMessage,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';

import { traceContextIn, withinScope } from '../telemetry/index.js';

/** Names a request, in the log of every server that it passes. */
export const REQUEST_ID_HEADER = 'X-Request-Id';
/** What a client may choose; anything else is replaced, since it goes into log lines and headers. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/**
 * Handles a request within its scope: its log lines have the request id, which is that of the client or a new one and goes
 * back in a header, and the ids of the trace.
 */
export function inRequestScope<Result>(
  request: IncomingMessage,
  response: ServerResponse,
  handle: () => Result,
): Result {
  // It has one already. The scope itself cannot tell: a pipelined request begins in that of the one before.
  if (response.hasHeader(REQUEST_ID_HEADER)) return handle();
  const requestId = requestIdOf(request);
  response.setHeader(REQUEST_ID_HEADER, requestId);
  return withinScope({ requestId, trace: traceContextIn(request.headers) }, handle);
}

/** A response whose head is written by Node itself, and not by Express. */
type PlainResponse = ServerResponse & { requestId?: string };

/**
 * The same for a request that Express does not see. The header joins the others when the head is written: one that is set
 * before makes Node merge all of them one by one, which costs a twentieth of a tool call.
 */
export function inPlainRequestScope<Result>(
  request: IncomingMessage,
  response: PlainResponse,
  handle: () => Result,
): Result {
  const requestId = requestIdOf(request);
  response.requestId = requestId;
  response.writeHead = writeHeadWithRequestId;
  return withinScope({ requestId, trace: traceContextIn(request.headers) }, handle);
}

function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** Node calls it, too, for a response that nothing else gave a head. A list of names and values gets two more items. */
function writeHeadWithRequestId(
  this: PlainResponse,
  status: number,
  reason?: unknown,
  others?: unknown,
): PlainResponse {
  const isNamed = typeof reason === 'string';
  const headers = withRequestId((isNamed ? others : reason) as GivenHeaders, this.requestId ?? '');
  const { prototype } = ServerResponse;
  if (isNamed) prototype.writeHead.apply(this, [status, reason, headers] as unknown as [number]);
  else prototype.writeHead.call(this, status, headers);
  return this;
}

type GivenHeaders = OutgoingHttpHeaders | OutgoingHttpHeader[] | undefined;

function withRequestId(given: GivenHeaders, requestId: string): OutgoingHttpHeaders | OutgoingHttpHeader[] {
  if (!Array.isArray(given)) return { ...given, [REQUEST_ID_HEADER]: requestId };
  given.push(REQUEST_ID_HEADER, requestId);
  return given;
}
