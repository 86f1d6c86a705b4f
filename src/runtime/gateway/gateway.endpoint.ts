import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { WebSocket, WebSocketServer } from 'ws';

import { bearerToken } from '../../http/index.js';
import { type Credential, CredentialsService } from '../credentials/index.js';
import { AgentReception } from './agent-reception.js';
import { asksForWebSocket, refuseUpgrade, Upgrades } from './upgrades.js';

const PATH = '/api/v1/gateway';
const KEY_WANTED =
  'Agents connect with an agent key: "Authorization: Bearer ak-…", neither revoked nor expired.';
/** A frame is a piece of a byte stream; peers of ours send 64 KB at most. */
const FRAME_LIMIT = 16 * 1024 * 1024;

/** Where agents dial in: a WebSocket on the server's own port, for agent keys only. */
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
    private readonly reception: AgentReception,
  ) {}

  onModuleInit(): void {
    this.upgrades.add({
      matches: (request) => request.url?.split('?')[0] === PATH && asksForWebSocket(request),
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
      this.logger.error({ message: 'an agent could not be let in', error });
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
      await this.reception.receive(webSocket, { key, credential, isStillValid });
    } catch (error) {
      this.logger.warn({ message: 'an agent did not introduce itself', error });
      webSocket.terminate();
    }
  }
}
