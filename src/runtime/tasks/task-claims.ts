import { Inject, Injectable, Logger } from '@nestjs/common';
import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';

import { Database, type Tx } from '../database/index.js';
import { type Claim, Engine, type WorkRequirement } from '../engine/index.js';
import { RuntimeNode } from '../nodes/index.js';
import { type CompiledWorkflow, fileParametersOf, RUN_LIMIT_SECONDS } from '../workflows/index.js';
import { type ClaimedRun, type ClaimingAgent, ClaimedRuns } from './claimed-runs.js';
import {
  claimOf,
  HELD_STATES,
  moveTask,
  OPEN_STATES,
  TASK_COLUMNS,
  taskMove,
  type TaskRow,
} from './task-transitions.js';
import { TeamLimits } from './team-limits.js';

type RunnableTask = TaskRow & Pick<QueuedTask, 'parameters'>;

interface QueuedTask {
  readonly claim: Claim;
  readonly parameters: Record<string, unknown>;
  readonly version: number;
  readonly definition: CompiledWorkflow;
}

/** What a queue had for the slots of agents. */
interface Share {
  /** In the order of the slots. */
  readonly runs: readonly ClaimedRun[];
  /** The team has reached its limit of tasks that run at the same time. */
  readonly isTeamFull: boolean;
}

const logger = new Logger('Tasks');
const DEFINITIONS_KEPT = 200;
/** Limit of interrupted runs per task: a task that is interrupted so often probably ends its agent itself. */
export const INTERRUPTIONS_LIMIT = 10;

@Injectable()
export class TaskClaims {
  /** By workflow and version, which never change. */
  private readonly definitions = new LRUCache<string, CompiledWorkflow>({ max: DEFINITIONS_KEPT });
  @Inject(TeamLimits) private readonly limits!: TeamLimits;

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly claimed: ClaimedRuns,
    private readonly node: RuntimeNode,
  ) {}

  /** Takes runs from a queue, at most one per slot: the first is for the agent of the first slot. They become `queued`. */
  async claim(queue: WorkRequirement, slots: readonly ClaimingAgent[]): Promise<Share> {
    return this.database.db
      .transaction()
      .execute(async (tx) => {
        const tasks: (QueuedTask & { readonly agent: ClaimingAgent })[] = [];
        const room = await this.limits.roomToRun(tx, queue.teamId, slots.length);
        for (const claim of await this.engine.claim(tx, queue, room)) {
          const agent = slots[tasks.length];
          const task = agent && (await this.queue(tx, claim, agent));
          // The task has ended, but its job was left: there is nothing to do.
          if (!task) await this.engine.settle(tx, claim, 'done');
          else if (task.interrupted_count >= INTERRUPTIONS_LIMIT)
            await failInterrupted(tx, this.engine, claim);
          else tasks.push({ agent, ...(await this.withDefinition(tx, claim, task)) });
        }
        return { tasks, isTeamFull: room < slots.length };
      })
      .then(({ tasks, isTeamFull }) => ({
        isTeamFull,
        runs: tasks.map((one) => this.runOf(one.agent, one)),
      }));
  }

  /** The queues that have a task to claim, also those that other nodes have created. */
  async claimable(): Promise<WorkRequirement[]> {
    await this.engine.refresh();
    return this.engine.claimable();
  }

  /** Takes over a run that its agent still has; `undefined` when the task has gone on meanwhile. */
  async adopt(
    agent: ClaimingAgent,
    { id, team_id, attempt_count, node_id }: TaskRow,
  ): Promise<ClaimedRun | undefined> {
    const adopted = await this.database.db.transaction().execute(async (tx) => {
      const task = await tx
        .updateTable('task')
        .set({ node_id: this.node.id })
        .where('id', '=', id)
        .where('team_id', '=', team_id)
        .where('attempt_count', '=', attempt_count)
        // Another node may have taken it over meanwhile, over a later connection of the agent.
        .where('node_id', 'is not distinct from', node_id)
        .where('task_status', 'in', HELD_STATES)
        .returning([...TASK_COLUMNS, 'parameters'])
        .executeTakeFirst();
      return task && this.withDefinition(tx, claimOf(task), task);
    });
    return adopted && this.runOf(agent, adopted);
  }

  private queue(tx: Tx, claim: Claim, agent: ClaimingAgent): Promise<RunnableTask | undefined> {
    const { taskId, teamId, attempt } = claim;
    const change = {
      task_status: 'queued' as const,
      attempt_count: attempt,
      // Every earlier run has failed or was given back, and was counted, or was interrupted, perhaps without a report.
      interrupted_count: sql<number>`${attempt - 1}::integer - retry_count - returned_count`,
      agent_id: agent.agentId,
      agent_labels: [...agent.labels],
      gpu_type: agent.gpuType ?? null,
      node_id: this.node.id,
    };
    const data = { status: 'queued', agent_id: agent.agentId };
    const move = taskMove(tx, { teamId, taskId, from: OPEN_STATES }, change, { event: 'status', data });
    return move.select([...TASK_COLUMNS, 'parameters']).executeTakeFirst();
  }

  private runOf(
    { agentId }: ClaimingAgent,
    { claim, parameters, version, definition }: QueuedTask,
  ): ClaimedRun {
    const { taskId, teamId, attempt } = claim;
    return {
      taskId,
      teamId,
      workflow: `${definition.slug}@${version}`,
      agentId,
      attempt,
      retry: definition.retry,
      order: {
        task_id: taskId,
        attempt,
        steps: definition.steps,
        bundle: definition.bundle,
        parameters,
        timeout_seconds: definition.task_timeout === 0 ? RUN_LIMIT_SECONDS : definition.task_timeout,
      },
      fileParameters: fileParametersOf(definition).flatMap((parameter) => {
        const fileKey = parameters[parameter];
        return typeof fileKey === 'string' ? [{ parameter, fileKey }] : [];
      }),
      signal: this.claimed.add(claim),
    };
  }

  private async withDefinition(tx: Tx, claim: Claim, task: RunnableTask): Promise<QueuedTask> {
    const { workflow_version: version, parameters } = task;
    return { claim, version, parameters, definition: await this.definitionOf(tx, task) };
  }

  private async definitionOf(tx: Tx, task: TaskRow): Promise<CompiledWorkflow> {
    const name = `${task.workflow_id}@${task.workflow_version}`;
    const known = this.definitions.get(name);
    if (known) return known;
    const { definition } = await tx
      .selectFrom('workflow_version')
      .select('definition')
      .where('workflow_id', '=', task.workflow_id)
      .where('team_id', '=', task.team_id)
      .where('version', '=', task.workflow_version)
      .executeTakeFirstOrThrow();
    this.definitions.set(name, definition as CompiledWorkflow);
    return definition as CompiledWorkflow;
  }
}

/** Fails a task whose runs were interrupted too often. */
export async function failInterrupted(tx: Tx, engine: Engine, claim: Claim): Promise<void> {
  const error = `${INTERRUPTIONS_LIMIT} runs of this task were interrupted, because their agent or the server ended; it is not run again. Check whether the task itself ends its agent, for example by using too much memory, and submit it again.`;
  const { taskId, teamId, attempt } = claim;
  const change = {
    task_status: 'failed' as const,
    completed_at: new Date(),
    task_error: error,
    interrupted_count: INTERRUPTIONS_LIMIT,
  };
  const news = { event: 'failed' as const, data: { status: 'failed', error } };
  await moveTask(tx, { taskId, teamId, attempt, from: HELD_STATES }, change, news);
  await engine.settle(tx, claim, 'done');
  logger.warn(`task ${taskId}: failed, since ${INTERRUPTIONS_LIMIT} of its runs were interrupted`);
}
