import { Injectable } from '@nestjs/common';

import type { ConnectedAgent } from './connected-agent.js';

const nameOf = ({ teamId, agentId }: ConnectedAgent): string => `${teamId}/${agentId}`;

/** The agents connected to this process, one of each name within a team. */
@Injectable()
export class AgentRegistry {
  private readonly agents = new Map<string, ConnectedAgent>();
  private readonly listeners = new Set<() => void>();

  /** Takes an agent in until its connection ends; one of the same name gives way. */
  add(agent: ConnectedAgent): void {
    const name = nameOf(agent);
    const former = this.agents.get(name);
    this.agents.set(name, agent);
    former?.replace();
    agent.session.once('close', () => this.remove(agent));
    if (agent.isConnected) this.tell();
    else this.remove(agent);
  }

  /** All of them, or those of a team, by name. */
  list(teamId?: string): ConnectedAgent[] {
    return [...this.agents.values()]
      .filter((agent) => agent.isConnected && (teamId === undefined || agent.teamId === teamId))
      .sort((one, other) => (one.agentId < other.agentId ? -1 : 1));
  }

  /** Calls back after an agent came or went; returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private remove(agent: ConnectedAgent): void {
    const name = nameOf(agent);
    if (this.agents.get(name) === agent) this.agents.delete(name);
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
