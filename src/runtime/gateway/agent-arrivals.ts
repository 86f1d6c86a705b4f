import { Injectable, Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import { RunReports, runName } from '../tasks/index.js';
import { AgentDirectory } from './agent-directory.js';
import { watchDrain } from './agent-liveness.js';
import { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';
import { Dispatcher } from './dispatcher.js';

/** Takes in agents that have connected, and decides what becomes of the runs they had before. */
@Injectable()
export class AgentArrivals {
  private readonly logger = new Logger('Gateway');
  private readonly turns = new Map<string, Promise<void>>();

  constructor(
    private readonly registry: AgentRegistry,
    private readonly directory: AgentDirectory,
    private readonly reports: RunReports,
    private readonly dispatcher: Dispatcher,
  ) {}

  /**
   * Runs that the agent still has go on here, wherever they were before; those that it has lost are run again. The
   * connections of one agent are taken in one after the other, so that the latest has the last word.
   */
  add(agent: ConnectedAgent): Promise<void> {
    const name = `${agent.teamId}/${agent.agentId}`;
    const before = this.turns.get(name) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => this.admit(agent));
    this.turns.set(name, turn);
    return turn.finally(() => {
      if (this.turns.get(name) === turn) this.turns.delete(name);
    });
  }

  private async admit(agent: ConnectedAgent): Promise<void> {
    const { teamId, hello } = agent;
    const has = new Set(hello.runs.map(({ task_id, attempt }) => runName(task_id, attempt)));
    const held = await this.reports.heldBy(teamId, hello.agent_id);
    if (!agent.isConnected) return;
    const names = new Set(held.map((task) => runName(task.id, task.attempt_count)));
    const kept = held.filter((task) => has.has(runName(task.id, task.attempt_count)));
    // Before it is registered, so that its slots are not given away.
    try {
      for (const task of kept) await this.dispatcher.adopt(agent, task);
      this.registry.add(agent);
      watchDrain(agent.session, () => this.drains(agent)).catch((error: Error) => {
        this.logger.debug(`the state of agent ${agent.agentId} cannot be read: ${errorText(error)}`);
      });
    } finally {
      // Also after an error: they then wait for the agent like the runs of any lost connection.
      for (const run of agent.runs.values()) this.dispatcher.attach(agent, run);
    }
    await this.directory.refresh();
    for (const task of held) if (!kept.includes(task)) await this.reports.requeueTask(task);
    for (const run of hello.runs)
      if (!names.has(runName(run.task_id, run.attempt))) this.dispatcher.drop(agent, run);
  }

  private drains(agent: ConnectedAgent): void {
    if (agent.isDraining) return;
    this.logger.log(`agent ${agent.agentId} takes no further runs, and ends after those it has`);
    this.registry.drain(agent);
  }

  /** Disconnects all agents. */
  end(): void {
    for (const agent of this.registry.list()) agent.leave();
  }
}
