import { Inject, Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';

import type { TraceContext } from '../../telemetry/index.js';
import { Database, type Db, logFailure, type Tx } from '../database/index.js';
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
  type TaskRow,
} from './task-transitions.js';
import { queueTasks, type RunnableTask } from './queued-tasks.js';
import { TaskMetrics } from './task-metrics.js';
import { TeamLimits } from './team-limits.js';

interface QueuedTask {
  readonly claim: Claim;
  readonly parameters: Record<string, unknown>;
  readonly trace: TraceContext | null;
  readonly version: number;
  readonly definition: CompiledWorkflow;
}

/** What a queue had for the slots of agents. */
interface Share {
  /** In the order of the slots; `undefined` for a task that is not run. */
  readonly runs: readonly (ClaimedRun | undefined)[];
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
  @Inject(TaskMetrics) private readonly metrics!: TaskMetrics;

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly claimed: ClaimedRuns,
    private readonly node: RuntimeNode,
  ) {}

  /** Takes runs from a queue, at most one per slot: the first is for the agent of the first slot. They become `queued`. */
  async claim(queue: WorkRequirement, slots: readonly ClaimingAgent[]): Promise<Share> {
    const { teamId } = queue;
    const take = (db: Db, room: number) => {
      const places = { teamId, nodeId: this.node.id, agents: slots.slice(0, room) };
      return room > 0 ? queueTasks(db, this.engine.claiming(queue, room), places) : Promise.resolve([]);
    };
    const { taken, room } = await this.limits.withRoomToRun(teamId, slots.length, take);
    const tasks: (QueuedTask | undefined)[] = [];
    const left: { claim: Claim; task: RunnableTask | undefined }[] = [];
    // What fails from here on leaves the runs to TaskReconciliation, as an answer of the database that was lost does.
    for (const { taskId, attempt, task } of taken) {
      const claim = { ...queue, taskId, attempt };
      if (task && task.interrupted_count < INTERRUPTIONS_LIMIT)
        tasks.push(await this.withDefinition(this.database.db, claim, task));
      else {
        tasks.push(undefined);
        left.push({ claim, task });
      }
    }
    const runs = slots.map((agent, index) => {
      const task = tasks[index];
      return task && this.runOf(agent, task);
    });
    // Last, and never with an error: the runs above would be lost with it.
    for (const { claim, task } of left) await this.leave(claim, task).catch(notLeft);
    return { runs: runs.slice(0, taken.length), isTeamFull: room < slots.length };
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
        .returning([...TASK_COLUMNS, 'parameters', 'trace_context'])
        .executeTakeFirst();
      return task && this.withDefinition(tx, claimOf(task), task);
    });
    return adopted && this.runOf(agent, adopted);
  }

  /** Ends a job whose task has ended before, or a task whose runs were interrupted too often. */
  private async leave(claim: Claim, task: TaskRow | undefined): Promise<undefined> {
    await this.database.db.transaction().execute(async (tx) => {
      if (task) return failInterrupted(tx, this.engine, claim);
      const open = await tx
        .selectFrom('task')
        .select('id')
        .where('id', '=', claim.taskId)
        .where('team_id', '=', claim.teamId)
        .where('task_status', 'in', OPEN_STATES)
        .executeTakeFirst();
      return this.engine.settle(tx, claim, open ? 'again' : 'done');
    });
    if (task) this.metrics.taskEnded(claim.labels, 'failed');
    return undefined;
  }

  private runOf(
    { agentId }: ClaimingAgent,
    { claim, parameters, trace, version, definition }: QueuedTask,
  ): ClaimedRun {
    const { taskId, teamId, attempt } = claim;
    const workflow = `${definition.slug}@${version}`;
    return {
      taskId,
      teamId,
      workflow,
      agentId,
      attempt,
      retry: definition.retry,
      order: {
        task_id: taskId,
        attempt,
        labels: definition.required_labels,
        workflow,
        ...(trace && { trace }),
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

  private async withDefinition(db: Db, claim: Claim, task: RunnableTask): Promise<QueuedTask> {
    const { workflow_version: version, parameters, trace_context: trace } = task;
    return { claim, version, parameters, trace, definition: await this.definitionOf(db, task) };
  }

  private async definitionOf(db: Db, task: TaskRow): Promise<CompiledWorkflow> {
    const name = `${task.workflow_id}@${task.workflow_version}`;
    const known = this.definitions.get(name);
    if (known) return known;
    const { definition } = await db
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

/** The job is given out again once it has been active for too long. */
const notLeft = (error: unknown): void =>
  logFailure(logger, 'a job whose task is not run was not ended', error);

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
