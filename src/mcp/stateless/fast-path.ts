import { Injectable } from '@nestjs/common';
import { PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import type { IncomingHttpHeaders } from 'node:http';

import {
  headerOf,
  invalidParams,
  isPlainList,
  isPlainMessage,
  isRequest,
  plainCallOf,
  type RequestMessage,
  STATELESS_REVISION,
} from '../protocol/index.js';
import { SdkServers } from '../tools/index.js';
import { ValidEnvelopes } from './valid-envelopes.js';

/** Methods of earlier revisions that 2026-07-28 does not have (SEP-2575): unknown, whatever their params are. */
const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/** Tells the requests that are answered by hand from those the SDK looks at. */
@Injectable()
export class FastPath {
  private readonly envelopes = new ValidEnvelopes();

  constructor(private readonly servers: SdkServers) {}

  /** Whether a request is plain and in order, so that it needs none of the SDK's checks. */
  include(headers: IncomingHttpHeaders, body: unknown): body is RequestMessage {
    return (
      isPlainMessage(body) &&
      isRequest(body) &&
      isAddressed(headers, body) &&
      this.isPlain(headers, body) &&
      this.envelopes.isValid(body, body.params?._meta ?? {})
    );
  }

  /** What is wrong with the params of a request that is in order otherwise; in words of ours, unlike the SDK's. */
  paramsErrorOf(headers: IncomingHttpHeaders, body: RequestMessage): string | undefined {
    const { method, params } = body;
    if (!isAddressed(headers, body) || !this.envelopes.isValid(body, params?._meta ?? {})) return undefined;
    // The SDK compares the name with its header first.
    const name = params?.['name'];
    if (method === 'tools/call' && typeof name === 'string' && headerOf(headers, 'mcp-name') !== name)
      return undefined;
    return REMOVED.has(body.method) ? undefined : invalidParams(body, this.servers.capabilities);
  }

  private isPlain(headers: IncomingHttpHeaders, message: RequestMessage): boolean {
    switch (message.method) {
      case 'server/discover':
        return true;
      case 'tools/list':
        return isPlainList(message);
      case 'tools/call': {
        // Whoever announces logging needs the SDK's own context for it.
        const name = this.servers.capabilities.logging ? undefined : plainCallOf(message)?.name;
        return name !== undefined && headerOf(headers, 'mcp-name') === name;
      }
      default:
        return false;
    }
  }
}

/** Whether the headers that repeat what is in the body agree with it. */
const isAddressed = (headers: IncomingHttpHeaders, { method, params }: RequestMessage): boolean =>
  params?._meta?.[PROTOCOL_VERSION_META_KEY] === STATELESS_REVISION &&
  headerOf(headers, 'mcp-protocol-version') === STATELESS_REVISION &&
  headerOf(headers, 'mcp-method') === method;
