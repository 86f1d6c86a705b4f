import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { outsideScope, withinScope } from '../../telemetry/index.js';
import { logFailure } from '../database/index.js';
import { queueName, type WorkRequirement } from '../engine/index.js';
import {
  type ClaimedRun,
  type ClaimingAgent,
  TaskClaims,
  type TaskRow,
  WaitingTasks,
} from '../tasks/index.js';
import { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';
import { FreeSlots } from './free-slots.js';
import { type HeldRunName, RunDispatch } from './run-dispatch.js';

/** Finds tasks whose notification was lost, and those whose time to be retried has come. */
const SWEEP_MS = 2000;
/** Tasks of one transaction. */
const CLAIM_LIMIT = 20;
/** Transactions at the same time, so that requests find a free connection to the database. */
const CLAIMS_AT_ONCE = 4;

/**
 * Fills the free slots of agents. It asks the database only for queues that may have a task and for which a connected
 * agent has a free slot, once for all agents: what that costs does not depend on the number of agents.
 */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private readonly going = new Set<Promise<void>>();
  private readonly slots: FreeSlots;
  /** Queues that may have a task to claim, by name; the first is asked first. */
  private readonly ready = new Map<string, WorkRequirement>();
  /** Queues that are being asked; `true` when a task has been added meanwhile. */
  private readonly asked = new Map<string, boolean>();
  /** Queues whose team runs as many tasks as it may, by team. */
  private readonly held = new Map<string, Map<string, WorkRequirement>>();
  private readonly endings: (() => void)[] = [];
  private isOver = false;

  constructor(
    private readonly claims: TaskClaims,
    private readonly waiting: WaitingTasks,
    private readonly agents: AgentRegistry,
    private readonly runs: RunDispatch,
  ) {
    this.slots = new FreeSlots(agents);
  }

  onApplicationBootstrap(): void {
    const sweeping = setInterval(() => this.track(this.sweep()), SWEEP_MS).unref();
    this.endings.push(
      // The request that has submitted a task may call this; what is done for others is not part of that.
      this.waiting.onWork((queue) =>
        outsideScope(() => (queue ? this.added(queue) : this.track(this.sweep()))),
      ),
      this.agents.onChange(() => this.dispatch()),
      () => clearInterval(sweeping),
    );
    this.track(this.sweep());
  }

  /** Stops dispatching, and waits until every interrupted run is recorded. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isOver = true;
    for (const end of this.endings) end();
    await Promise.allSettled(this.going);
  }

  /** Finds all queues that have a task, also those that another node has created. */
  private async sweep(): Promise<void> {
    for (const queue of await this.claims.claimable()) this.ready.set(queueName(queue), queue);
    this.dispatch();
  }

  private added(queue: WorkRequirement): void {
    const name = queueName(queue);
    this.ready.set(name, queue);
    if (this.asked.has(name)) this.asked.set(name, true);
    this.dispatch();
  }

  private dispatch(): void {
    // A copy: what is asked goes to the end.
    const queues = Array.from(this.ready);
    for (const [name, queue] of queues) {
      if (this.isOver || this.asked.size >= CLAIMS_AT_ONCE) return;
      if (!this.asked.has(name)) this.ask(name, queue);
    }
  }

  private ask(name: string, queue: WorkRequirement): void {
    // Its next turn comes after that of the others.
    this.ready.delete(name);
    const reserved = this.slots.reserve(queue, this.ready.values(), CLAIM_LIMIT);
    if (reserved.agents.length === 0) {
      this.ready.set(name, queue);
      return;
    }
    this.asked.set(name, false);
    const claiming = this.claimFor(name, queue, reserved.agents).finally(() => {
      reserved[Symbol.dispose]();
      this.asked.delete(name);
      this.dispatch();
    });
    this.track(claiming);
  }

  private async claimFor(
    name: string,
    queue: WorkRequirement,
    agents: readonly ConnectedAgent[],
  ): Promise<void> {
    const slots = agents.map(claiming);
    const { runs, isTeamFull } = await this.claims.claim(queue, slots);
    const isMore = runs.length === agents.length || this.asked.get(name) === true;
    if (isTeamFull) this.hold(name, queue);
    else if (isMore) this.ready.set(name, queue);
    for (const [index, run] of runs.entries()) {
      const agent = agents[index];
      if (agent && run) this.give(agent, run);
    }
  }

  /** Until a run of the team ends here; the sweep notices when one ends at another node. */
  private hold(name: string, queue: WorkRequirement): void {
    const held = this.held.get(queue.teamId) ?? new Map<string, WorkRequirement>();
    this.held.set(queue.teamId, held.set(name, queue));
  }

  /** Takes over a run that the agent still has; {@link attach} goes on with it. */
  async adopt(agent: ConnectedAgent, task: TaskRow): Promise<void> {
    const run = await this.claims.adopt(claiming(agent), task);
    if (run) agent.runs.set(task.id, run);
  }

  /** Ends a run that the agent has, and no task. */
  drop(agent: ConnectedAgent, run: HeldRunName): void {
    this.runs.drop(agent, run);
  }

  /** Goes on with a run that the agent has had all along. */
  attach(agent: ConnectedAgent, run: ClaimedRun): void {
    this.give(agent, run, true);
  }

  private give(agent: ConnectedAgent, run: ClaimedRun, isAttached = false): void {
    agent.runs.set(run.taskId, run);
    const { taskId, teamId, order } = run;
    const performed = withinScope({ taskId, teamId, trace: order.trace }, () =>
      this.runs.perform(agent, run, isAttached),
    ).finally(() => {
      if (agent.runs.get(run.taskId) === run) agent.runs.delete(run.taskId);
      this.ended(run);
    });
    this.track(performed);
  }

  private ended({ teamId }: ClaimedRun): void {
    for (const [name, queue] of this.held.get(teamId) ?? []) this.ready.set(name, queue);
    this.held.delete(teamId);
    this.dispatch();
  }

  private track(work: Promise<void>): void {
    const watched = work
      .catch((error: unknown) => logFailure(this.logger, 'work for an agent failed', error))
      .finally(() => this.going.delete(watched));
    this.going.add(watched);
  }
}

const claiming = ({ agentId, labels, teamId, gpuType }: ConnectedAgent): ClaimingAgent => ({
  agentId,
  labels,
  teamId,
  gpuType,
});
