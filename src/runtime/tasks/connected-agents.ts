import { Injectable } from '@nestjs/common';

import { isEligible, type WorkRequirement } from '../engine/index.js';

/** What the gateway last said about the agents that are connected. */
@Injectable()
export class ConnectedAgents {
  private agents: readonly WorkRequirement[] = [];

  replace(agents: readonly WorkRequirement[]): void {
    this.agents = agents;
  }

  /** Whether any of them could run this, free or not. */
  canRun(required: WorkRequirement): boolean {
    return this.agents.some((agent) => isEligible(agent, required));
  }
}
