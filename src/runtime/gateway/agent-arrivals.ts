import { Injectable } from '@nestjs/common';

import { RunReports } from '../tasks/index.js';
import { AgentDirectory } from './agent-directory.js';
import { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';

/** Takes in agents that have connected, and decides what becomes of the runs they had before. */
@Injectable()
export class AgentArrivals {
  constructor(
    private readonly registry: AgentRegistry,
    private readonly directory: AgentDirectory,
    private readonly reports: RunReports,
  ) {}

  async add(agent: ConnectedAgent): Promise<void> {
    // A run that the agent does not have any more was lost with its last connection.
    const lost = await this.reports.heldBy(agent.teamId, agent.agentId);
    this.registry.add(agent);
    await this.directory.refresh();
    for (const task of lost) await this.reports.requeueTask(task);
  }

  /** Disconnects all agents. */
  end(): void {
    for (const agent of this.registry.list()) agent.leave();
  }
}
