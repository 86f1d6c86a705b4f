import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { CredentialsService } from '../credentials/index.js';
import { logFailure } from '../database/index.js';
import type { ConnectedAgent } from './connected-agent.js';

const CHECK_MS = 2000;

/** Disconnects agents whose key was revoked or has expired. One query checks the keys of all agents of this node. */
@Injectable()
export class AgentKeys implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private readonly agents = new Map<string, Set<ConnectedAgent>>();
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> | undefined;

  constructor(private readonly credentials: CredentialsService) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.checking ??= this.check().finally(() => (this.checking = undefined));
    }, CHECK_MS).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.checking;
  }

  /** Checks the key of an agent until its connection ends. */
  watch(agent: ConnectedAgent, key: string): void {
    if (!agent.isConnected) return;
    const same = this.agents.get(key) ?? new Set();
    this.agents.set(key, same.add(agent));
    agent.session.once('close', () => {
      same.delete(agent);
      if (same.size === 0 && this.agents.get(key) === same) this.agents.delete(key);
    });
  }

  private async check(): Promise<void> {
    try {
      for (const key of await this.credentials.invalidAgentKeys([...this.agents.keys()]))
        for (const agent of this.agents.get(key) ?? []) agent.refuse();
    } catch (error) {
      logFailure(this.logger, 'the keys of the agents could not be checked', error);
    }
  }
}
