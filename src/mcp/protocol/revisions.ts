import type { IncomingHttpHeaders } from 'node:http';
import { classifyInboundRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import { type InitializeRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';

import { isPlainMessage, isRecord } from './messages.js';

/** The revision without sessions that is served by hand; what comes after it is the SDK's. */
export const STATELESS_REVISION = '2026-07-28';

/** Revisions with sessions, which are 2025-11-25 and before, or without. */
export type RevisionFamily = 'sessions' | 'stateless';

/**
 * Whether a POST belongs to a revision with sessions. The plainest requests are recognised here; everything else is asked of the SDK's
 * own classifier, so that both can never disagree.
 */
export function revisionFamilyOf(headers: IncomingHttpHeaders, body: unknown): RevisionFamily {
  const version = headerOf(headers, 'mcp-protocol-version');
  if (isPlainMessage(body)) {
    const meta = body.params?._meta;
    const isClaimed = meta !== undefined && PROTOCOL_VERSION_META_KEY in meta;
    if (!isClaimed && (version === undefined || version < STATELESS_REVISION)) return 'sessions';
    if (isClaimed && body.method !== 'initialize') return 'stateless';
  }
  // No revision has it with other params, and the handshake names what is wrong with them.
  if (isRecord(body) && body['method'] === 'initialize' && !isRecord(body['params'])) return 'sessions';
  const { kind } = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(version !== undefined && { protocolVersionHeader: version }),
  });
  return kind === 'legacy' ? 'sessions' : 'stateless';
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The revision a session speaks: the client's, if we know it, else our latest. */
export const negotiated = (wanted: string): string =>
  SUPPORTED_PROTOCOL_VERSIONS.find((version) => version === wanted) ??
  SUPPORTED_PROTOCOL_VERSIONS[0] ??
  wanted;

/** Whether a client said in its initialize that it answers questions. */
export function canAnswerRequests({ capabilities }: InitializeRequest['params']): boolean {
  const { sampling, elicitation, roots } = capabilities;
  return sampling !== undefined || elicitation !== undefined || roots !== undefined;
}
