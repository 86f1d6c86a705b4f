import type { IncomingHttpHeaders } from 'node:http';
import { classifyInboundRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import { type InitializeRequest, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/server';

import { isPlainMessage, isRecord } from './messages.js';

/** The stateless revision that our code serves; the SDK serves later ones. */
export const STATELESS_REVISION = '2026-07-28';

/** Revisions with sessions, which are 2025-11-25 and before, or without. */
export type RevisionFamily = 'sessions' | 'stateless';

/**
 * Whether a POST belongs to a revision with sessions. Plain requests are recognised here; the SDK's classifier decides
 * the rest, so that both always agree.
 */
export function revisionFamilyOf(headers: IncomingHttpHeaders, body: unknown): RevisionFamily {
  const version = headerOf(headers, 'mcp-protocol-version');
  if (isPlainMessage(body)) {
    const meta = body.params?._meta;
    const isClaimed = meta !== undefined && PROTOCOL_VERSION_META_KEY in meta;
    if (!isClaimed && (version === undefined || version < STATELESS_REVISION)) return 'sessions';
    if (isClaimed && body.method !== 'initialize') return 'stateless';
  }
  // Every revision requires an object as params; initialize then names the error.
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

/** The revision of a session: the client's if supported, else the latest supported one. */
export const negotiated = (wanted: string): string =>
  SUPPORTED_PROTOCOL_VERSIONS.find((version) => version === wanted) ??
  SUPPORTED_PROTOCOL_VERSIONS[0] ??
  wanted;

/** Whether the capabilities in initialize include requests from the server. */
export function canAnswerRequests({ capabilities }: InitializeRequest['params']): boolean {
  const { sampling, elicitation, roots } = capabilities;
  return sampling !== undefined || elicitation !== undefined || roots !== undefined;
}
