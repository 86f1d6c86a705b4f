import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import type { IncomingHttpHeaders } from 'node:http';

import { CODE, isPlainMessage, isRecord, JsonRpcHttpError } from '../protocol/index.js';

export const SESSION_ID = 'mcp-session-id';

const MAX_BATCH = 100;
/** The first revision without batches. */
const NO_BATCHES_SINCE = '2025-06-18';

/**
 * The messages in the body of a POST in a session; more than one in a batch, which 2025-03-26 has.
 *
 * @throws {JsonRpcHttpError}
 */
export function messagesIn(body: unknown): JSONRPCMessage[] {
  if (isPlainMessage(body)) return [body];
  const candidates: unknown[] = Array.isArray(body) ? body : [body];
  if (candidates.length > MAX_BATCH) {
    const message = `Invalid Request: Batch must not exceed ${MAX_BATCH} messages`;
    throw new JsonRpcHttpError(400, CODE.invalidRequest, message, { limit: 'batch_size' });
  }
  try {
    return candidates.map((candidate) => parseJSONRPCMessage(candidate));
  } catch {
    throw new JsonRpcHttpError(400, CODE.parseError, 'Parse error: Invalid JSON-RPC message');
  }
}

/** Whether a body is an initialize request, valid or not. */
export const isInitialize = (body: unknown): body is Record<string, unknown> =>
  isRecord(body) && body['method'] === 'initialize';

/** @throws {JsonRpcHttpError} 400 unless the revision of a session has batches. */
export function requireBatches(protocolVersion: string): void {
  if (protocolVersion < NO_BATCHES_SINCE) return;
  const message = `Invalid Request: Batches belong to revision 2025-03-26, and this session speaks ${protocolVersion}. Send each message in a POST of its own.`;
  throw new JsonRpcHttpError(400, CODE.invalidRequest, message);
}

/** @throws {JsonRpcHttpError} 400 */
export function requireKnownVersion(headers: IncomingHttpHeaders): void {
  const version = headers['mcp-protocol-version'];
  if (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))) return;
  const known = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
  const message = `Bad Request: Unsupported protocol version: ${String(version)} (supported versions: ${known})`;
  throw new JsonRpcHttpError(400, CODE.serverError, message);
}

export const sessionNotFound = (): JsonRpcHttpError =>
  new JsonRpcHttpError(404, CODE.sessionNotFound, 'Session not found');
