import { type ClientHttp2Session, type ClientHttp2Stream, sensitiveHeaders } from 'node:http2';

import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { WebSocket } from 'ws';

import { http2ClientOver } from '../../tunnel/index.js';
import { reasonOf } from '../nodes/index.js';
import { ConnectionFailed } from './service-connection.js';
import type { Replica } from './service-state.js';

/** Path at which a node takes the connections that other nodes forward. */
export const NODE_TUNNEL_PATH = '/api/v1/gateway/services';
/** `POST {@link NODE_TUNNEL_PATH}/connections/{deployment}` in the tunnel, as AGENT_PATHS.connections of an agent. */
export const FORWARDED_CONNECTION = '/connections';
/** `GET /service-logs/{deployment}` in the tunnel, as AGENT_PATHS.serviceLogs of an agent. */
export const FORWARDED_LOG = '/service-logs';

const HANDSHAKE_LIMIT_MS = 3000;
/** A node that could not be reached is not dialled again for this long. */
const AVOIDED_MS = 2000;
const FRAME_LIMIT = 16 * 1024 * 1024;

/**
 * Tunnels to other nodes, by which a call reaches a service on an agent of theirs. They carry raw connections, so that
 * the node that has the call alone applies limits, rewrites headers and explains errors. What a tunnel carries is never
 * forwarded again.
 */
@Injectable()
export class NodeTunnels implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Services');
  private readonly sessions = new Map<string, Promise<ClientHttp2Session>>();
  private readonly failedAt = new Map<string, number>();

  /** Whether a node could not be reached a moment ago. */
  isAvoided({ nodeId = '' }: Replica): boolean {
    const failedAt = this.failedAt.get(nodeId);
    return failedAt !== undefined && performance.now() - failedAt < AVOIDED_MS;
  }

  /**
   * Opens a stream to a replica of another node.
   *
   * @param key of the caller, which the other node checks, too.
   * @throws {ConnectionFailed} when that node cannot be reached.
   */
  async request(
    replica: Replica,
    key: string,
    { method, area }: { readonly method: string; readonly area: string },
  ): Promise<ClientHttp2Stream> {
    const { nodeId = '', deploymentId } = replica;
    try {
      const session = await this.sessionTo(replica, key);
      return session.request({
        ':method': method,
        ':path': `${area}/${deploymentId}`,
        authorization: `Bearer ${key}`,
        [sensitiveHeaders]: ['authorization'],
      });
    } catch (error) {
      if (!this.isAvoided(replica))
        this.logger.warn(
          `node ${nodeId} cannot be reached at ${replica.nodeUrl} (its CYBERUN_NODE_URL), so its services cannot be called here: ${reasonOf(error as Error)}`,
        );
      this.failedAt.set(nodeId, performance.now());
      throw new ConnectionFailed(
        `The node that runs service "${replica.slug}" cannot be reached at the moment, so the call had no effect. Call it again in a few seconds.`,
        true,
      );
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    const open = await Promise.allSettled(this.sessions.values());
    for (const session of open) if (session.status === 'fulfilled') session.value.destroy();
  }

  private sessionTo({ nodeId = '', nodeUrl }: Replica, key: string): Promise<ClientHttp2Session> {
    const open = this.sessions.get(nodeId);
    if (open) return open;
    const opening = this.dial(nodeUrl, key);
    this.sessions.set(nodeId, opening);
    const forget = (): void => {
      if (this.sessions.get(nodeId) === opening) this.sessions.delete(nodeId);
    };
    opening.then((session) => {
      this.failedAt.delete(nodeId);
      this.logger.debug(`calls of services on node ${nodeId} are forwarded to ${nodeUrl}`);
      session.once('close', forget);
      if (session.destroyed) forget();
    }, forget);
    return opening;
  }

  private async dial(nodeUrl: string, key: string): Promise<ClientHttp2Session> {
    const webSocket = new WebSocket(nodeUrl.replace(/^http/, 'ws') + NODE_TUNNEL_PATH, {
      headers: { authorization: `Bearer ${key}` },
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_LIMIT_MS,
      maxPayload: FRAME_LIMIT,
    });
    return new Promise((resolve, reject) => {
      webSocket.on('error', reject);
      webSocket.once('close', () => reject(new Error('it was closed')));
      // In the same tick, because the other end may send at once.
      webSocket.once('open', () => void http2ClientOver(webSocket).then(resolve, reject));
    });
  }
}
