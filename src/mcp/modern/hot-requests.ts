import { Injectable } from '@nestjs/common';
import { PROTOCOL_VERSION_META_KEY } from '@modelcontextprotocol/server';
import type { IncomingHttpHeaders } from 'node:http';

import {
  isPlainList,
  isPlainMessage,
  isRequest,
  plainCallIn,
  type RequestMessage,
} from '../transport/messages.js';
import { SdkServers } from '../transport/sdk-servers.js';
import { Envelopes } from './envelopes.js';
import { headerOf, MODERN } from './eras.js';

/** Tells the requests that are answered by hand from those the SDK looks at. */
@Injectable()
export class HotRequests {
  private readonly envelopes = new Envelopes();

  constructor(private readonly servers: SdkServers) {}

  /** Whether a request is plain and in order, so that it needs none of the SDK's checks. */
  include(headers: IncomingHttpHeaders, body: unknown): body is RequestMessage {
    if (!isPlainMessage(body) || !isRequest(body)) return false;
    const meta = body.params?._meta;
    return (
      meta?.[PROTOCOL_VERSION_META_KEY] === MODERN &&
      headerOf(headers, 'mcp-protocol-version') === MODERN &&
      headerOf(headers, 'mcp-method') === body.method &&
      this.isPlain(headers, body) &&
      this.envelopes.isValid(body, meta)
    );
  }

  private isPlain(headers: IncomingHttpHeaders, message: RequestMessage): boolean {
    switch (message.method) {
      case 'server/discover':
        return true;
      case 'tools/list':
        return isPlainList(message);
      case 'tools/call': {
        // Whoever announces logging needs the SDK's own context for it.
        const name = this.servers.capabilities.logging ? undefined : plainCallIn(message)?.name;
        return name !== undefined && headerOf(headers, 'mcp-name') === name;
      }
      default:
        return false;
    }
  }
}
