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

/** Methods of earlier revisions that 2026-07-28 does not have (SEP-2575): unknown, with any params. */
const REMOVED: ReadonlySet<string> = new Set([
  'initialize',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
]);

/** Distinguishes requests that our code answers from those that go through the SDK. */
@Injectable()
export class FastPath {
  private readonly envelopes = new ValidEnvelopes();

  constructor(private readonly servers: SdkServers) {}

  /** Whether a request is plain and valid, so that it needs none of the SDK's checks. */
  include(headers: IncomingHttpHeaders, body: unknown): body is RequestMessage {
    return (
      isPlainMessage(body) &&
      isRequest(body) &&
      isAddressed(headers, body) &&
      this.isPlain(headers, body) &&
      this.envelopes.isValid(body, body.params?._meta ?? {})
    );
  }

  /** The error of invalid params in an otherwise valid request, clearer than the SDK's. */
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
        // A server that announces logging needs the SDK's own context.
        const name = this.servers.capabilities.logging ? undefined : plainCallOf(message)?.name;
        return name !== undefined && headerOf(headers, 'mcp-name') === name;
      }
      default:
        return false;
    }
  }
}

/** Whether the headers that repeat members of the body match it. */
const isAddressed = (headers: IncomingHttpHeaders, { method, params }: RequestMessage): boolean =>
  params?._meta?.[PROTOCOL_VERSION_META_KEY] === STATELESS_REVISION &&
  headerOf(headers, 'mcp-protocol-version') === STATELESS_REVISION &&
  headerOf(headers, 'mcp-method') === method;
