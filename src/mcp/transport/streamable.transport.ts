import { Injectable } from '@nestjs/common';
import { isJsonContentType } from '@modelcontextprotocol/server';
import type { McpTransport, McpTransportContext } from '@rekog/mcp-nest';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/keyed-request.js';
import { BodyReader } from '../edge/body-reader.js';
import { CODE, Refusal } from '../edge/refusal.js';
import { LegacyEndpoint } from '../legacy/legacy-endpoint.js';
import { requireAccept } from '../legacy/legacy-messages.js';
import { eraOf } from '../modern/eras.js';
import { ModernEndpoint } from '../modern/modern-endpoint.js';
import { Announcements, type ListKind } from './announcements.js';

const METHODS = 'GET, POST, DELETE';

/** Streamable HTTP for every revision, on one URL: tells the eras apart and hands each request to its endpoint. */
@Injectable()
export class StreamableTransport implements McpTransport {
  readonly kind = 'streamable-http';

  constructor(
    private readonly bodies: BodyReader,
    private readonly legacy: LegacyEndpoint,
    private readonly modern: ModernEndpoint,
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
        return await this.post(request, response);
      case 'GET':
        return await this.legacy.listen(request, response);
      case 'DELETE':
        return await this.legacy.end(request, response);
      default:
        throw new Refusal(405, CODE.refused, 'Method not allowed.', { headers: { Allow: METHODS } });
    }
  }

  private async post(request: KeyedRequest, response: ServerResponse): Promise<void> {
    const { headers } = request;
    if (!isJsonContentType(headers['content-type'] ?? null)) {
      requireAccept(headers, 'application/json', 'text/event-stream');
      const message = 'Unsupported Media Type: Content-Type must be application/json';
      throw new Refusal(415, CODE.refused, message);
    }
    const { json, release } = await this.bodies.readJson(request);
    try {
      const endpoint = eraOf(headers, json) === 'modern' ? this.modern : this.legacy;
      await endpoint.post(request, response, json);
    } finally {
      if (release) whenGone(response, release);
    }
  }
}

/** Calls back once nothing of an answer is left to send. */
function whenGone(response: ServerResponse, listener: () => void): void {
  if (response.destroyed) listener();
  else response.once('close', listener);
}
