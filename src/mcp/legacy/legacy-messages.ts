import {
  isInitializeRequest,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import type { IncomingHttpHeaders } from 'node:http';

import { CODE, Refusal } from '../edge/refusal.js';
import { isPlainMessage, type RequestMessage } from '../transport/messages.js';

export const SESSION_ID = 'mcp-session-id';

const MAX_BATCH = 100;

/**
 * The messages in a body of a 2025-era client; more than one in a batch, which 2025-03-26 has.
 *
 * @throws {Refusal}
 */
export function messagesIn(body: unknown): JSONRPCMessage[] {
  if (isPlainMessage(body)) return [body];
  const candidates: unknown[] = Array.isArray(body) ? body : [body];
  if (candidates.length > MAX_BATCH) {
    const message = `Invalid Request: Batch must not exceed ${MAX_BATCH} messages`;
    throw new Refusal(400, CODE.invalidRequest, message, { bound: 'batch_size' });
  }
  try {
    return candidates.map((candidate) => parseJSONRPCMessage(candidate));
  } catch {
    throw new Refusal(400, CODE.parseError, 'Parse error: Invalid JSON-RPC message');
  }
}

type Opening = RequestMessage & { readonly params: { readonly protocolVersion: string } };

/** The handshake among the messages of a body, if there is one. */
export const openingIn = (messages: readonly JSONRPCMessage[]): Opening | undefined =>
  messages.find(
    (message) => 'method' in message && message.method === 'initialize' && isInitializeRequest(message),
  ) as Opening | undefined;

/** @throws {Refusal} 400 */
export function requireKnownVersion(headers: IncomingHttpHeaders): void {
  const version = headers['mcp-protocol-version'];
  if (version === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))) return;
  const known = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
  const message = `Bad Request: Unsupported protocol version: ${String(version)} (supported versions: ${known})`;
  throw new Refusal(400, CODE.refused, message);
}

/** The revision a session speaks: the client's, if we know it, else our latest. */
export const negotiated = (wanted: string): string =>
  SUPPORTED_PROTOCOL_VERSIONS.find((version) => version === wanted) ??
  SUPPORTED_PROTOCOL_VERSIONS[0] ??
  wanted;

export const sessionNotFound = (): Refusal => new Refusal(404, CODE.sessionNotFound, 'Session not found');
