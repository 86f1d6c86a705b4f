import { Inject, Injectable } from '@nestjs/common';
import { isJsonContentType } from '@modelcontextprotocol/server';
import type { McpTransport, McpTransportContext } from '@rekog/mcp-nest';
import type { ServerResponse } from 'node:http';

import type { KeyedRequest } from '../auth/keyed-request.js';
import { CONFIG, type Config } from '../../config/index.js';
import { readJson } from '../edge/body-reader.js';
import { CODE, Refusal } from '../edge/refusal.js';
import { LegacyEndpoint } from '../legacy/legacy-endpoint.js';
import { requireAccept } from '../legacy/legacy-messages.js';
import { LiveSessions } from '../legacy/live-sessions.js';
import { eraOf } from '../modern/eras.js';
import { ModernEndpoint } from '../modern/modern-endpoint.js';
import { SdkModern } from '../modern/sdk-modern.js';
import { noticeMessage } from './messages.js';
import { SdkServers } from './sdk-servers.js';

type ListKind = 'tools' | 'resources' | 'prompts';

/** Streamable HTTP for every revision, on one URL: tells the eras apart and hands each request to its endpoint. */
@Injectable()
export class StreamableTransport implements McpTransport {
  readonly kind = 'streamable-http';

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly legacy: LegacyEndpoint,
    private readonly modern: ModernEndpoint,
    private readonly sdk: SdkModern,
    private readonly servers: SdkServers,
    private readonly live: LiveSessions,
  ) {}

  start(context: McpTransportContext): void {
    this.servers.attach(context);
  }

  async close(): Promise<void> {
    await this.sdk.close();
  }

  /** Tells every client that listens, in the way of its era. */
  notifyListChanged(kind: ListKind): void {
    this.servers.forgetCapabilities();
    this.live.forgetServers();
    this.live.broadcast(noticeMessage(`notifications/${kind}/list_changed`));
    this.sdk.listChanged(kind);
  }

  /** @throws {Refusal} */
  async post(request: KeyedRequest, response: ServerResponse): Promise<void> {
    const { headers } = request;
    if (!isJsonContentType(headers['content-type'] ?? null)) {
      requireAccept(headers, 'application/json', 'text/event-stream');
      const message = 'Unsupported Media Type: Content-Type must be application/json';
      throw new Refusal(415, CODE.refused, message);
    }
    const body = await readJson(request, this.config.mcpBodyLimitBytes);
    const endpoint = eraOf(headers, body) === 'modern' ? this.modern : this.legacy;
    await endpoint.post(request, response, body);
  }

  /** @throws {Refusal} */
  get(request: KeyedRequest, response: ServerResponse): Promise<void> {
    return this.legacy.listen(request, response);
  }

  /** @throws {Refusal} */
  delete(request: KeyedRequest, response: ServerResponse): Promise<void> {
    return this.legacy.end(request, response);
  }
}
