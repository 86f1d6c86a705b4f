import type { IncomingHttpHeaders } from 'node:http';

import { classifyInboundRequest, PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';

import { isPlainMessage, isRecord } from './messages.js';

/** The revision without sessions that is served by hand; what comes after it is the SDK's. */
export const MODERN = '2026-07-28';

/**
 * Which era a POST belongs to. The plainest requests are recognised here, and everything else is asked of the SDK's
 * own classifier, so that both can never disagree.
 */
export function eraOf(headers: IncomingHttpHeaders, body: unknown): 'legacy' | 'modern' {
  const version = headerOf(headers, 'mcp-protocol-version');
  if (isPlainMessage(body)) {
    const meta = body.params?._meta;
    const isClaimed = meta !== undefined && PROTOCOL_VERSION_META_KEY in meta;
    if (!isClaimed && (version === undefined || version < MODERN)) return 'legacy';
    if (isClaimed && body.method !== 'initialize') return 'modern';
  }
  // No revision has it with other params, and the handshake names what is wrong with them.
  if (isRecord(body) && body['method'] === 'initialize' && !isRecord(body['params'])) return 'legacy';
  const { kind } = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(version !== undefined && { protocolVersionHeader: version }),
  });
  return kind === 'legacy' ? 'legacy' : 'modern';
}

export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
