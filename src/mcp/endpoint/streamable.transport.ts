import { Injectable } from '@nestjs/common';
import type { ServerEvent } from '@modelcontextprotocol/server';
import type { McpTransport, McpTransportContext } from '@rekog/mcp-nest';

import { notificationMessage } from '../protocol/index.js';
import { LiveSessions } from '../sessions/index.js';
import { SdkHandler } from '../stateless/index.js';
import { ReplicatedEventBus } from '../storage/index.js';
import { SdkServers } from '../tools/index.js';

type ListKind = 'tools' | 'resources' | 'prompts';

/** The notification of an event for a client with a session. */
const NOTICES: Readonly<Partial<Record<ServerEvent['kind'], string>>> = {
  tools_list_changed: notificationMessage('notifications/tools/list_changed'),
  resources_list_changed: notificationMessage('notifications/resources/list_changed'),
  prompts_list_changed: notificationMessage('notifications/prompts/list_changed'),
};

/**
 * The transport as mcp-nest's strategy knows it: it starts and stops, and notifies clients when a list changes.
 * Requests reach {@link RequestRouter} from the mount.
 */
@Injectable()
export class StreamableTransport implements McpTransport {
  readonly kind = 'streamable-http';

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

  start(context: McpTransportContext): void {
    this.servers.attach(context);
  }

  /** Notifies every listening client, in the form of its revision and at every replica. */
  notifyListChanged(kind: ListKind): void {
    this.servers.forgetCapabilities();
    this.live.forgetServers();
    this.sdk.listChanged(kind);
  }

  async close(): Promise<void> {
    await this.sdk.close();
  }
}
