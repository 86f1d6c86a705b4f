import { Injectable } from '@nestjs/common';
import type { ServerEvent } from '@modelcontextprotocol/server';
import type { McpTransportContext } from '@rekog/mcp-nest';

import { noticeMessage } from '../protocol/index.js';
import { LiveSessions } from '../sessions/index.js';
import { SdkModern } from '../stateless/index.js';
import { ReplicatedEvents } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';

export type ListKind = 'tools' | 'resources' | 'prompts';

/** How an event reads for a client with a session. */
const NOTICES: Readonly<Partial<Record<ServerEvent['kind'], string>>> = {
  tools_list_changed: noticeMessage('notifications/tools/list_changed'),
  resources_list_changed: noticeMessage('notifications/resources/list_changed'),
  prompts_list_changed: noticeMessage('notifications/prompts/list_changed'),
};

/** Keeps what we say of ourselves in step with what is registered, and tells whoever listens. */
@Injectable()
export class Announcements {
  constructor(
    private readonly servers: SdkServers,
    private readonly live: LiveSessions,
    private readonly sdk: SdkModern,
    events: ReplicatedEvents,
  ) {
    events.subscribe(({ kind }) => {
      const notice = NOTICES[kind];
      if (notice !== undefined) live.broadcast(notice);
    });
  }

  begin(context: McpTransportContext): void {
    this.servers.attach(context);
  }

  /** Tells every client that listens, in the way of its era and in whichever replica. */
  listChanged(kind: ListKind): void {
    this.servers.forgetCapabilities();
    this.live.forgetServers();
    this.sdk.listChanged(kind);
  }

  async end(): Promise<void> {
    await this.sdk.close();
  }
}
