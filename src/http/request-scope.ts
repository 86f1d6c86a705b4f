import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

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
  { headers }: IncomingMessage,
  response: ServerResponse,
  handle: () => Result,
): Result {
  // It has one already. The scope itself cannot tell: a pipelined request begins in that of the one before.
  if (response.hasHeader(REQUEST_ID_HEADER)) return handle();
  const given = headers['x-request-id'];
  const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
  response.setHeader(REQUEST_ID_HEADER, requestId);
  return withinScope({ requestId, trace: traceContextIn(headers) }, handle);
}
