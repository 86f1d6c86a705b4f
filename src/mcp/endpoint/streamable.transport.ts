import { Injectable } from '@nestjs/common';
import type { McpTransport, McpTransportContext } from '@rekog/mcp-nest';
import type { ServerResponse } from 'node:http';

import type { McpHttpRequest } from '../auth/index.js';
import { CODE, JsonRpcHttpError } from '../protocol/index.js';
import { SessionsEndpoint } from '../sessions/index.js';
import { ListChangeNotifier, type ListKind } from './list-change-notifier.js';
import { Posts } from './posts.js';

const METHODS = 'GET, POST, DELETE';

/** Streamable HTTP for every revision, on one URL. */
@Injectable()
export class StreamableTransport implements McpTransport {
  readonly kind = 'streamable-http';

  constructor(
    private readonly posts: Posts,
    private readonly sessions: SessionsEndpoint,
    private readonly announcements: ListChangeNotifier,
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
   * @throws {JsonRpcHttpError}
   */
  async serve(request: McpHttpRequest, response: ServerResponse): Promise<void> {
    switch (request.method) {
      case 'POST':
        return await this.posts.receive(request, response);
      case 'GET':
        return await this.sessions.openStream(request, response);
      case 'DELETE':
        return await this.sessions.end(request, response);
      default:
        throw new JsonRpcHttpError(405, CODE.serverError, 'Method not allowed.', {
          headers: { Allow: METHODS },
        });
    }
  }
}
