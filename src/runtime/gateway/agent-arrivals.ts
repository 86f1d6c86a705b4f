import { Injectable } from '@nestjs/common';

import { RunReports } from '../tasks/index.js';
import { AgentDirectory } from './agent-directory.js';
import { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';
import { Dispatcher } from './dispatcher.js';

const nameOf = (taskId: string, attempt: number): string => `${taskId}/${attempt}`;

/** Takes in agents that have connected, and decides what becomes of the runs they had before. */
@Injectable()
export class AgentArrivals {
  constructor(
    private readonly registry: AgentRegistry,
    private readonly directory: AgentDirectory,
    private readonly reports: RunReports,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Runs that the agent still has go on here, wherever they were before; those that it has lost are run again. */
  async add(agent: ConnectedAgent): Promise<void> {
    const { teamId, hello } = agent;
    const has = new Set(hello.runs.map(({ task_id, attempt }) => nameOf(task_id, attempt)));
    const held = await this.reports.heldBy(teamId, hello.agent_id);
    const names = new Set(held.map((task) => nameOf(task.id, task.attempt_count)));
    const kept = held.filter((task) => has.has(nameOf(task.id, task.attempt_count)));
    // Before it is registered, so that its slots are not given away.
    for (const task of kept) await this.dispatcher.adopt(agent, task);
    const adopted = [...agent.runs.values()];
    this.registry.add(agent);
    for (const run of adopted) this.dispatcher.attach(agent, run);
    await this.directory.refresh();
    for (const task of held) if (!kept.includes(task)) await this.reports.requeueTask(task);
    for (const run of hello.runs)
      if (!names.has(nameOf(run.task_id, run.attempt))) this.dispatcher.drop(agent, run);
  }

  /** Disconnects all agents. */
  end(): void {
    for (const agent of this.registry.list()) agent.leave();
  }
}
