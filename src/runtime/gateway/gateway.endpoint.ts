import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { WebSocket, WebSocketServer } from 'ws';

import { GATEWAY_PATH } from '../../contract/index.js';
import { bearerToken } from '../../http/index.js';
import { type Credential, CredentialsService } from '../credentials/index.js';
import { AgentHandshake } from './agent-handshake.js';
import { asksForWebSocket, refuseUpgrade, Upgrades } from './upgrades.js';

const KEY_WANTED =
  'Agents connect with an agent key: "Authorization: Bearer ak-…", neither revoked nor expired.';
/** Limit for a frame; agents send 64 KB at most. */
const FRAME_LIMIT = 16 * 1024 * 1024;

/** The WebSocket endpoint for agents, on the port of the server; requires an agent key. */
@Injectable()
export class GatewayEndpoint implements OnModuleInit {
  private readonly logger = new Logger('Gateway');
  private readonly webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: FRAME_LIMIT,
  });

  constructor(
    private readonly upgrades: Upgrades,
    private readonly credentials: CredentialsService,
    private readonly handshake: AgentHandshake,
  ) {}

  onModuleInit(): void {
    this.upgrades.add({
      matches: (request) => request.url?.split('?')[0] === GATEWAY_PATH && asksForWebSocket(request),
      accept: (request, socket, head) => void this.admit(request, socket, head),
    });
  }

  private async admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const key = bearerToken(request.headers.authorization) ?? '';
      const credential = await this.agentCredential(key);
      if (!credential) return refuseUpgrade(socket, 401, KEY_WANTED);
      this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        void this.welcome(webSocket, { key, credential });
      });
    } catch (error) {
      this.logger.error({ message: 'an agent could not be authenticated', error });
      refuseUpgrade(socket, 503, 'The gateway cannot check keys at the moment. Try again soon.');
    }
  }

  private async agentCredential(key: string): Promise<Credential | undefined> {
    const credential = key.startsWith('ak-') ? await this.credentials.authenticate(key) : undefined;
    return credential?.kind === 'agent' ? credential : undefined;
  }

  private async welcome(
    webSocket: WebSocket,
    { key, credential }: { key: string; credential: Credential },
  ): Promise<void> {
    try {
      const isStillValid = async (): Promise<boolean> => (await this.agentCredential(key)) !== undefined;
      await this.handshake.connect(webSocket, { key, credential, isStillValid });
    } catch (error) {
      this.logger.warn({ message: 'the handshake of an agent failed', error });
      webSocket.terminate();
    }
  }
}
