import type { ClientHttp2Session } from 'node:http2';
import { json } from 'node:stream/consumers';

import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import type { WebSocket } from 'ws';

import { AGENT_PATHS, type AgentHello, agentHello } from '../../contract/index.js';
import { http2ClientOver } from '../../tunnel/index.js';
import type { Credential } from '../credentials/index.js';
import { AgentRegistry } from './agent-registry.js';
import { ConnectedAgent } from './connected-agent.js';
import { LocalKeys } from './local-keys.js';
import { watchRequests } from './request-liveness.js';

const HELLO_LIMIT_MS = 10_000;
/** How soon an agent whose key was revoked is sent away. */
const KEY_CHECK_MS = 2000;
/** An agent that answers none of its requests is given up within 30 s. */
const REQUEST_CHECK_MS = 5000;

/** Somebody with a valid key who has not said yet which agent it is. */
export interface Newcomer {
  readonly key: string;
  readonly credential: Credential;
  readonly isStillValid: () => Promise<boolean>;
}

/** Turns a WebSocket of a valid key into a connected agent, and sees all of them off at the end. */
@Injectable()
export class AgentReception implements BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private isClosed = false;

  constructor(
    private readonly registry: AgentRegistry,
    private readonly localKeys: LocalKeys,
  ) {}

  async receive(webSocket: WebSocket, newcomer: Newcomer): Promise<void> {
    const session = await http2ClientOver(webSocket);
    const hello = await greet(session);
    const audience = this.localKeys.has(newcomer.key) ? 'loopback' : 'public';
    const agent = new ConnectedAgent(hello, newcomer.credential.teamId, audience, { session, webSocket });
    if (this.isClosed) return agent.leave();
    this.registry.add(agent);
    this.logger.log(`agent ${agent.agentId} has connected (labels ${agent.labels.join(', ') || 'none'})`);
    session.once('close', () => this.logger.log(`agent ${agent.agentId} is gone`));
    this.watchKey(agent, newcomer);
    watchRequests(session, REQUEST_CHECK_MS, () => {
      this.logger.warn(
        `agent ${agent.agentId} takes no requests; its connection is ended so that it dials again`,
      );
      agent.giveUp();
    });
  }

  beforeApplicationShutdown(): void {
    this.isClosed = true;
    for (const agent of this.registry.list()) agent.leave();
  }

  private watchKey(agent: ConnectedAgent, { isStillValid }: Newcomer): void {
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

async function greet(session: ClientHttp2Session): Promise<AgentHello> {
  const request = session.request(
    { ':path': AGENT_PATHS.hello },
    { signal: AbortSignal.timeout(HELLO_LIMIT_MS) },
  );
  return agentHello.parse(await json(request));
}
