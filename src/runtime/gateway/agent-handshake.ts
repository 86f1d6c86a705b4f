import type { ClientHttp2Session } from 'node:http2';
import { json } from 'node:stream/consumers';

import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import type { WebSocket } from 'ws';

import { AGENT_PATHS, type AgentHello, agentHello } from '../../contract/index.js';
import { http2ClientOver } from '../../tunnel/index.js';
import type { Credential } from '../credentials/index.js';
import { watchAgent } from './agent-liveness.js';
import { AgentRegistry } from './agent-registry.js';
import { ConnectedAgent } from './connected-agent.js';
import { LocalKeys } from './local-agent.js';

const HELLO_LIMIT_MS = 10_000;
/** How often the keys of connected agents are checked. */
const KEY_CHECK_MS = 2000;
/** An agent that answers no requests is disconnected within 30 s. */
const REQUEST_CHECK_MS = 5000;

/** A connection with a valid agent key, before the agent has identified itself. */
export interface AuthenticatedAgent {
  readonly key: string;
  readonly credential: Credential;
  readonly isStillValid: () => Promise<boolean>;
}

/** Turns a WebSocket with a valid key into a connected agent; disconnects all agents at shutdown. */
@Injectable()
export class AgentHandshake implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private isClosed = false;

  constructor(
    private readonly registry: AgentRegistry,
    private readonly localKeys: LocalKeys,
  ) {}

  async connect(webSocket: WebSocket, authenticated: AuthenticatedAgent): Promise<void> {
    const session = await http2ClientOver(webSocket);
    const hello = await requestHello(session);
    const audience = this.localKeys.has(authenticated.key) ? 'loopback' : 'public';
    const agent = new ConnectedAgent(hello, authenticated.credential.teamId, audience, {
      session,
      webSocket,
    });
    if (this.isClosed) return agent.leave();
    this.registry.add(agent);
    this.logger.log(`agent ${agent.agentId} has connected (labels ${agent.labels.join(', ') || 'none'})`);
    session.once('close', () => this.logger.log(`agent ${agent.agentId} is gone`));
    this.watchKey(agent, authenticated);
    watchAgent(session, REQUEST_CHECK_MS, () => {
      this.logger.warn(
        `agent ${agent.agentId} answers no requests; it is disconnected so that it dials again`,
      );
      agent.giveUp();
    });
  }

  beforeApplicationShutdown(): void {
    this.isClosed = true;
    for (const agent of this.registry.list()) agent.leave();
  }

  private watchKey(agent: ConnectedAgent, { isStillValid }: AuthenticatedAgent): void {
    const timer = setInterval(() => {
      isStillValid().then(
        (isValid) => isValid || agent.refuse(),
        (error: unknown) => this.logger.warn({ message: 'an agent key could not be checked', error }),
      );
    }, KEY_CHECK_MS);
    timer.unref();
    if (agent.isConnected) agent.session.once('close', () => clearInterval(timer));
    else clearInterval(timer);
  }
}

async function requestHello(session: ClientHttp2Session): Promise<AgentHello> {
  const request = session.request(
    { ':path': AGENT_PATHS.hello },
    { signal: AbortSignal.timeout(HELLO_LIMIT_MS) },
  );
  return agentHello.parse(await json(request));
}
