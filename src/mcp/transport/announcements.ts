import { Injectable } from '@nestjs/common';
import type { McpTransportContext } from '@rekog/mcp-nest';

import { LiveSessions } from '../legacy/live-sessions.js';
import { SdkModern } from '../modern/sdk-modern.js';
import { noticeMessage } from './messages.js';
import { SdkServers } from './sdk-servers.js';

export type ListKind = 'tools' | 'resources' | 'prompts';

/** Keeps what we say of ourselves in step with what is registered, and tells whoever listens. */
@Injectable()
export class Announcements {
  constructor(
    private readonly servers: SdkServers,
    private readonly live: LiveSessions,
    private readonly sdk: SdkModern,
  ) {}

  begin(context: McpTransportContext): void {
    this.servers.attach(context);
  }

  /** Tells every client that listens, in the way of its era. */
  listChanged(kind: ListKind): void {
    this.servers.forgetCapabilities();
    this.live.forgetServers();
    this.live.broadcast(noticeMessage(`notifications/${kind}/list_changed`));
    this.sdk.listChanged(kind);
  }

  async end(): Promise<void> {
    await this.sdk.close();
  }
}
