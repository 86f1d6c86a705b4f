import { Injectable } from '@nestjs/common';
import type { ServerEvent } from '@modelcontextprotocol/server';
import type { McpTransportContext } from '@rekog/mcp-nest';

import { notificationMessage } from '../protocol/index.js';
import { LiveSessions } from '../sessions/index.js';
import { SdkHandler } from '../stateless/index.js';
import { ReplicatedEventBus } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';

export type ListKind = 'tools' | 'resources' | 'prompts';

/** How an event reads for a client with a session. */
const NOTICES: Readonly<Partial<Record<ServerEvent['kind'], string>>> = {
  tools_list_changed: notificationMessage('notifications/tools/list_changed'),
  resources_list_changed: notificationMessage('notifications/resources/list_changed'),
  prompts_list_changed: notificationMessage('notifications/prompts/list_changed'),
};

/** Keeps what we say of ourselves in step with what is registered, and tells whoever listens. */
@Injectable()
export class ListChangeNotifier {
  constructor(
    private readonly servers: SdkServers,
    private readonly live: LiveSessions,
    private readonly sdk: SdkHandler,
    events: ReplicatedEventBus,
  ) {
    events.subscribe(({ kind }) => {
      const notification = NOTICES[kind];
      if (notification !== undefined) live.broadcast(notification);
    });
  }

  begin(context: McpTransportContext): void {
    this.servers.attach(context);
  }

  /** Notifies every listening client, in the form of its revision and at every replica. */
  listChanged(kind: ListKind): void {
    this.servers.forgetCapabilities();
    this.live.forgetServers();
    this.sdk.listChanged(kind);
  }

  async end(): Promise<void> {
    await this.sdk.close();
  }
}
