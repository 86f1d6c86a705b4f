import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { LRUCache } from 'lru-cache';

import { Database, type Tx } from '../database/index.js';
import { type Claim, Engine } from '../engine/index.js';
import { type CompiledWorkflow, fileParametersOf, RUN_LIMIT_SECONDS } from '../workflows/index.js';
import type { ClaimedRun, ClaimingAgent } from './claimed-run.js';
import { HeldRuns } from './held-runs.js';
import { giveUpInterrupted, INTERRUPTIONS_LIMIT } from './interruptions.js';
import { moveTask, OPEN_STATES, type TaskRow } from './task-transitions.js';

interface QueuedTask {
  readonly claim: Claim;
  readonly parameters: Record<string, unknown>;
  readonly version: number;
  readonly definition: CompiledWorkflow;
}

const DEFINITIONS_KEPT = 200;

/** Hands tasks to agents. */
@Injectable()
export class TaskClaims {
  /** By workflow and version, which never change. */
  private readonly definitions = new LRUCache<string, CompiledWorkflow>({ max: DEFINITIONS_KEPT });

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly held: HeldRuns,
  ) {}

  /** Takes up to `free` runs whose labels the agent has all of; they become `queued`. */
  async claim(agent: ClaimingAgent, free: number): Promise<ClaimedRun[]> {
    if (free <= 0) return [];
    const queued = await this.database.db.transaction().execute(async (tx) => {
      const tasks: QueuedTask[] = [];
      for (const claim of await this.engine.claim(tx, agent, free)) {
        const task = await this.queue(tx, claim, agent);
        // The task ended without its job: nothing is left to do.
        if (!task) await this.engine.settle(tx, claim, 'done');
        else if (task.interrupted_count >= INTERRUPTIONS_LIMIT)
          await giveUpInterrupted(tx, this.engine, claim);
        else {
          const definition = await this.definitionOf(tx, task);
          tasks.push({
            claim,
            version: task.workflow_version,
            parameters: await parametersOf(tx, claim),
            definition,
          });
        }
      }
      return tasks;
    });
    return queued.map((one) => this.runOf(agent, one));
  }

  private async queue(tx: Tx, claim: Claim, agent: ClaimingAgent): Promise<TaskRow | undefined> {
    const { taskId, teamId, attempt } = claim;
    const change = {
      task_status: 'queued' as const,
      attempt_count: attempt,
      // Every earlier run failed and was counted, or was cut off; nobody may have been left to say so.
      interrupted_count: sql<number>`${attempt - 1}::integer - retry_count`,
      agent_id: agent.agentId,
      agent_labels: [...agent.labels],
      gpu_type: agent.gpuType ?? null,
    };
    const data = { status: 'queued', agent_id: agent.agentId };
    return moveTask(tx, { teamId, taskId, from: OPEN_STATES }, change, { event: 'status', data });
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
      signal: this.held.add(claim),
    };
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

async function parametersOf(tx: Tx, { taskId, teamId }: Claim): Promise<Record<string, unknown>> {
  const { parameters } = await tx
    .selectFrom('task')
    .select('parameters')
    .where('id', '=', taskId)
    .where('team_id', '=', teamId)
    .executeTakeFirstOrThrow();
  return parameters;
}
