import { Injectable } from '@nestjs/common';
import type { McpTransport, McpTransportContext } from '@rekog/mcp-nest';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/index.js';
import { CODE, Refusal } from '../protocol/index.js';
import { LegacyEndpoint } from '../sessions/index.js';
import { Announcements, type ListKind } from './announcements.js';
import { Posts } from './posts.js';

const METHODS = 'GET, POST, DELETE';

/** Streamable HTTP for every revision, on one URL. */
@Injectable()
export class StreamableTransport implements McpTransport {
  readonly kind = 'streamable-http';

  constructor(
    private readonly posts: Posts,
    private readonly legacy: LegacyEndpoint,
    private readonly announcements: Announcements,
  ) {}

  start(context: McpTransportContext): void {
    this.announcements.begin(context);
  }

  async close(): Promise<void> {
    await this.announcements.end();
  }

  notifyListChanged(kind: ListKind): void {
    this.announcements.listChanged(kind);
  }

  /**
   * Answers a request that came with a key, whatever its method.
   *
   * @throws {Refusal}
   */
  async serve(request: KeyedRequest, response: ServerResponse): Promise<void> {
    switch (request.method) {
      case 'POST':
        return await this.posts.receive(request, response);
      case 'GET':
        return await this.legacy.listen(request, response);
      case 'DELETE':
        return await this.legacy.end(request, response);
      default:
        throw new Refusal(405, CODE.refused, 'Method not allowed.', { headers: { Allow: METHODS } });
    }
  }
}
