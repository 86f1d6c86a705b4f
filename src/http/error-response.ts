import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

import type { Logger } from '@nestjs/common';

import { currentScope } from '../telemetry/index.js';

/** The shapes of an error in a body: JSON-RPC, that of the Runtime API, or both in one. */
export interface ErrorFormats {
  readonly jsonRpc: boolean;
  readonly rest: boolean;
}

/** JSON-RPC code of a request that is rejected before a method is called, as on the MCP path. */
const REJECTED = -32000;

/** An error as JSON, in every format in use: the path of the request is not known. */
export const errorJson = (message: string, { jsonRpc, rest }: ErrorFormats): string =>
  JSON.stringify({
    ...(jsonRpc && { jsonrpc: '2.0', error: { code: REJECTED, message }, id: null }),
    ...(rest && { error_message: message }),
  });

/**
 * Logs an error that clients must not see, and returns the reference id for the message that they get instead: that of their
 * request.
 */
export function logWithReference(logger: Logger, details: Readonly<Record<string, unknown>>): string {
  const reference = currentScope()?.requestId ?? randomUUID();
  logger.error({ ...details, reference });
  return reference;
}

/** Answers a request that breaks the rules of HTTP, and closes its connection. */
export function sendError(
  response: ServerResponse,
  { status, message }: { readonly status: number; readonly message: string },
  formats: ErrorFormats,
): void {
  const body = errorJson(message, formats);
  response.writeHead(status, {
    Connection: 'close',
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}
