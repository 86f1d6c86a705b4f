import { Injectable } from '@nestjs/common';

import type { ConnectedAgent } from './connected-agent.js';

const nameOf = ({ teamId, agentId }: ConnectedAgent): string => `${teamId}/${agentId}`;

/** The agents connected to this process; their ids are unique within a team. */
@Injectable()
export class AgentRegistry {
  private readonly agents = new Map<string, ConnectedAgent>();
  private readonly listeners = new Set<(agent: ConnectedAgent) => void>();

  /** Adds an agent until its connection ends; replaces one with the same id. */
  add(agent: ConnectedAgent): void {
    if (!agent.isConnected) return;
    const name = nameOf(agent);
    const former = this.agents.get(name);
    this.agents.set(name, agent);
    former?.replace();
    agent.session.once('close', () => this.remove(agent));
    this.notify(agent);
  }

  /** All agents, or those of a team, sorted by id. */
  list(teamId?: string): ConnectedAgent[] {
    return [...this.agents.values()]
      .filter((agent) => agent.isConnected && (teamId === undefined || agent.teamId === teamId))
      .sort((one, other) => (one.agentId < other.agentId ? -1 : 1));
  }

  /** All agents, in no order. */
  connected(): Iterable<ConnectedAgent> {
    return this.agents.values();
  }

  /** The agent takes no further runs. */
  drain(agent: ConnectedAgent): void {
    agent.drain();
    this.notify(agent);
  }

  /** Calls back after an agent has connected, begun to drain, or disconnected; returns a function that unsubscribes. */
  onChange(listener: (agent: ConnectedAgent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private remove(agent: ConnectedAgent): void {
    const name = nameOf(agent);
    if (this.agents.get(name) === agent) this.agents.delete(name);
    this.notify(agent);
  }

  private notify(agent: ConnectedAgent): void {
    for (const listener of this.listeners) listener(agent);
  }
}
