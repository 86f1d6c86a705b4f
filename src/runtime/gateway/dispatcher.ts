import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { logFailure } from '../database/index.js';
import { type ClaimedRun, TaskClaims, type TaskRow, WaitingTasks } from '../tasks/index.js';
import { AgentRegistry } from './agent-registry.js';
import type { ConnectedAgent } from './connected-agent.js';
import { type HeldRunName, RunDispatch } from './run-dispatch.js';

/** Finds jobs whose notification was lost. */
const SWEEP_MS = 2000;

/** Fills the free slots of agents with runs that match their labels. */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Gateway');
  private readonly going = new Set<Promise<void>>();
  /** Agents that are being filled; `true` when another pass is needed. */
  private readonly filling = new Map<ConnectedAgent, boolean>();
  /** Agents without further matching jobs, until the next sweep. */
  private readonly satisfied = new WeakSet<ConnectedAgent>();
  private readonly endings: (() => void)[] = [];
  private isOver = false;

  constructor(
    private readonly claims: TaskClaims,
    private readonly waiting: WaitingTasks,
    private readonly agents: AgentRegistry,
    private readonly runs: RunDispatch,
  ) {}

  onApplicationBootstrap(): void {
    const sweeping = setInterval(() => this.track(this.sweepAll()), SWEEP_MS).unref();
    this.endings.push(
      this.waiting.onWork(() => this.sweep()),
      this.agents.onChange((agent) => this.fill(agent)),
      () => clearInterval(sweeping),
    );
  }

  /** Stops dispatching, and waits until every interrupted run is recorded. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isOver = true;
    for (const end of this.endings) end();
    await Promise.allSettled(this.going);
  }

  /** Also finds the jobs of queues that another node has created. */
  private async sweepAll(): Promise<void> {
    if (this.agents.list().length > 0) await this.claims.refresh();
    this.sweep();
  }

  private sweep(): void {
    for (const agent of this.agents.list()) {
      this.satisfied.delete(agent);
      this.fill(agent);
    }
  }

  private fill(agent: ConnectedAgent): void {
    if (this.isOver || agent.free === 0 || this.satisfied.has(agent)) return;
    const isBeingFilled = this.filling.has(agent);
    this.filling.set(agent, isBeingFilled);
    if (!isBeingFilled) this.track(this.claimFor(agent));
  }

  private async claimFor(agent: ConnectedAgent): Promise<void> {
    try {
      do {
        this.filling.set(agent, false);
        const { agentId, labels, teamId, free } = agent;
        if (free === 0) break;
        const claimed = await this.claims.claim({ agentId, labels, teamId }, free);
        if (claimed.length < free && this.filling.get(agent) === false) this.satisfied.add(agent);
        for (const run of claimed) this.give(agent, run);
      } while (this.filling.get(agent) === true);
    } finally {
      this.filling.delete(agent);
    }
  }

  /** Takes over a run that the agent still has; {@link attach} goes on with it. */
  async adopt(agent: ConnectedAgent, task: TaskRow): Promise<void> {
    const { agentId, labels, teamId } = agent;
    const run = await this.claims.adopt({ agentId, labels, teamId }, task);
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
    const performed = this.runs.perform(agent, run, isAttached).finally(() => {
      if (agent.runs.get(run.taskId) === run) agent.runs.delete(run.taskId);
      this.fill(agent);
    });
    this.track(performed);
  }

  private track(work: Promise<void>): void {
    const watched = work
      .catch((error: unknown) => logFailure(this.logger, 'work for an agent failed', error))
      .finally(() => this.going.delete(watched));
    this.going.add(watched);
  }
}
