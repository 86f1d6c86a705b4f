import type { IncomingMessage } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { json } from 'node:stream/consumers';

import {
  type BeforeApplicationShutdown,
  HttpException,
  Inject,
  Injectable,
  Logger,
  type OnModuleInit,
} from '@nestjs/common';
import { WebSocket, WebSocketServer } from 'ws';

import { Addresses } from '../../config/index.js';
import {
  AGENT_PATHS,
  type AgentHello,
  agentHello,
  DIALLED_HEADER,
  GATEWAY_PATH,
} from '../../contract/index.js';
import { bearerToken } from '../../http/index.js';
import { http2ClientOver } from '../../tunnel/index.js';
import { CredentialsService } from '../credentials/index.js';
import { type Audience, audienceOf } from '../files/index.js';
import { watchAgent } from './agent-liveness.js';
import { AgentArrivals } from './agent-arrivals.js';
import { AgentKeys } from './agent-keys.js';
import { ConnectedAgent } from './connected-agent.js';
import { asksForWebSocket, refuseUpgrade, Upgrades } from './upgrades.js';
import { logFailure } from '../database/index.js';

const KEY_REQUIRED = { kind: 'agent', route: `GET ${GATEWAY_PATH}` } as const;
const KEY_WANTED =
  'Agents connect with an agent key: "Authorization: Bearer ak-…", neither revoked nor expired.';
/** Limit for a frame; agents send 64 KB at most. */
const FRAME_LIMIT = 16 * 1024 * 1024;
/** Status for an address or a key above its rate. */
const TOO_MANY = 429;
const HELLO_LIMIT_MS = 10_000;
/** An agent that answers no requests is disconnected within 30 s. */
const REQUEST_CHECK_MS = 5000;

interface AdmittedAgent {
  readonly key: string;
  readonly teamId: string;
  readonly audience: Audience;
}

/** The WebSocket endpoint for agents, on the port of the server; requires an agent key. */
@Injectable()
export class GatewayEndpoint implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private readonly webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: FRAME_LIMIT,
  });
  private isClosed = false;
  @Inject(Addresses) private readonly addresses!: Addresses;

  constructor(
    private readonly upgrades: Upgrades,
    private readonly credentials: CredentialsService,
    private readonly arrivals: AgentArrivals,
    private readonly keys: AgentKeys,
  ) {}

  onModuleInit(): void {
    this.upgrades.add({
      matches: (request) => request.url?.split('?')[0] === GATEWAY_PATH && asksForWebSocket(request),
      accept: (request, socket, head) => void this.admit(request, socket, head),
    });
  }

  beforeApplicationShutdown(): void {
    this.isClosed = true;
    this.arrivals.end();
  }

  private async admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      const key = bearerToken(request.headers.authorization) ?? '';
      const { credential } = await this.credentials.admit(key, { ...KEY_REQUIRED, request });
      if (!credential) return refuseUpgrade(socket, 401, KEY_WANTED);
      this.webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        const agent = { key, teamId: credential.teamId, audience: this.audienceOf(request, key) };
        this.connect(webSocket, agent).catch((error: unknown) => {
          this.logger.warn({ message: 'the handshake of an agent failed', error });
          webSocket.terminate();
        });
      });
    } catch (error) {
      if (error instanceof HttpException && error.getStatus() === TOO_MANY)
        return refuseUpgrade(socket, TOO_MANY, error.message);
      logFailure(this.logger, 'an agent could not be authenticated', error);
      refuseUpgrade(socket, 503, 'The gateway cannot check keys at the moment. Try again soon.');
    }
  }

  /** The local agent may need another store endpoint than clients, although it has dialled the same address. */
  private audienceOf({ headers }: IncomingMessage, key: string): Audience {
    if (this.credentials.isEphemeral(key)) return 'loopback';
    return audienceOf(headers[DIALLED_HEADER]?.toString(), this.addresses);
  }

  private async connect(webSocket: WebSocket, { key, teamId, audience }: AdmittedAgent): Promise<void> {
    const session = await http2ClientOver(webSocket);
    const hello = await requestHello(session);
    const agent = new ConnectedAgent(hello, teamId, audience, { session, webSocket });
    if (this.isClosed) return agent.leave();
    await this.arrivals.add(agent);
    this.logger.log(`agent ${agent.agentId} has connected (labels ${hello.labels.join(', ') || 'none'})`);
    session.once('close', () => this.logger.log(`agent ${agent.agentId} is gone`));
    this.keys.watch(agent, key);
    watchAgent(session, REQUEST_CHECK_MS, () => {
      this.logger.warn(
        `agent ${agent.agentId} answers no requests; it is disconnected so that it dials again`,
      );
      agent.giveUp();
    });
  }
}

async function requestHello(session: ClientHttp2Session): Promise<AgentHello> {
  const request = session.request(
    { ':path': AGENT_PATHS.hello },
    { signal: AbortSignal.timeout(HELLO_LIMIT_MS) },
  );
  return agentHello.parse(await json(request));
}
