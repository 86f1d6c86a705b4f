import { Inject, Injectable, Logger, NotFoundException } from '@nestjs/common';
import { sql } from 'kysely';

import { parseExact, type Task, type TaskResult } from '../../contract/index.js';
import type { Credential } from '../credentials/index.js';
import { noteInScope } from '../../telemetry/index.js';
import { Database, type Db } from '../database/index.js';
import { Engine } from '../engine/index.js';
import { DownloadLinks } from '../files/index.js';
import { holderState, latestEvent, presentTask, workflowSlug } from './presented-task.js';
import { StatusReasons } from './status-reasons.js';
import { TaskLogs } from './task-logs.js';
import { TaskMetrics } from './task-metrics.js';
import { moveTask, OPEN_STATES, TASK_COLUMNS } from './task-transitions.js';

/** Bytes of parameters that a task carries; larger ones are `null`. */
const SHOWN_PARAMETERS = 16_384;

/** Reads and cancels tasks; a team sees only its own. */
@Injectable()
export class TaskStore {
  private readonly logger = new Logger('Tasks');
  @Inject(StatusReasons) private readonly reasons!: StatusReasons;
  @Inject(TaskMetrics) private readonly metrics!: TaskMetrics;

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly links: DownloadLinks,
    private readonly logs: TaskLogs,
  ) {}

  async get(teamId: string, taskId: string): Promise<Task> {
    const task = await this.rowOf(teamId, taskId)
      .select(TASK_COLUMNS)
      .select(['task_error', workflowSlug, latestEvent, holderState])
      .select(sql<number>`octet_length(parameters::text)`.as('parameters_bytes'))
      // As text: the driver would round large numbers.
      .select(
        sql<string | null>`case when octet_length(parameters::text) <= ${SHOWN_PARAMETERS}
          then parameters::text end`.as('parameters'),
      )
      .executeTakeFirstOrThrow(notFound);
    const { parameters, parameters_bytes, task_error } = task;
    return {
      ...presentTask(task, await this.reasons.of(task)),
      task_error,
      parameters: parameters === null ? null : (parseExact(parameters) as Task['parameters']),
      parameters_bytes,
    };
  }

  /** Output and fresh links to the files for the holder of a key; available at any time, with nulls before the end. */
  async result({ teamId, id: credentialId }: Credential, taskId: string): Promise<TaskResult> {
    const task = await this.rowOf(teamId, taskId)
      .select(['task_status', 'task_error', 'task_warnings', 'completed_at', 'attempt_count'])
      // As text: the driver would round large numbers.
      .select(sql<string | null>`task_output::text`.as('task_output'))
      .executeTakeFirstOrThrow(notFound);
    const { completed_at: endedAt } = task;
    const isCompleted = task.task_status === 'completed' && endedAt !== null;
    const links = isCompleted
      ? await this.links.ofTask({ teamId, taskId, endedAt }, credentialId)
      : undefined;
    return {
      id: taskId,
      task_status: task.task_status,
      task_output: isCompleted && task.task_output !== null ? parseExact(task.task_output) : null,
      download_url: Object.values(links?.urls ?? {})[0] ?? null,
      download_urls: links?.urls ?? null,
      file_keys: links?.keys ?? null,
      expires_at: links?.expiresAt?.toISOString() ?? null,
      task_error: task.task_error,
      task_warnings: task.task_warnings,
      task_log: await this.logs.endOf(teamId, taskId, task.attempt_count),
      completed_at: task.completed_at?.toISOString() ?? null,
    };
  }

  /** Size of the output, without reading it. */
  async outputBytes(teamId: string, taskId: string): Promise<number> {
    const task = await this.rowOf(teamId, taskId)
      .select(sql<number>`coalesce(octet_length(task_output::text), 0)`.as('bytes'))
      .executeTakeFirst();
    return task?.bytes ?? 0;
  }

  /** Cancels a task unless it has ended; idempotent. @returns the state the task then has. */
  async cancel(teamId: string, taskId: string): Promise<string> {
    const cancelled = await this.database.db.transaction().execute(async (tx) => {
      const { required_labels } = await this.rowOf(teamId, taskId, tx)
        .select('required_labels')
        .executeTakeFirstOrThrow(notFound);
      const change = { task_status: 'cancelled' as const, completed_at: new Date() };
      const news = { event: 'cancelled' as const, data: { status: 'cancelled' } };
      const moved = await moveTask(tx, { teamId, taskId, from: OPEN_STATES }, change, news);
      if (moved) await this.engine.cancel(tx, taskId, { teamId, labels: required_labels });
      return moved;
    });
    if (!cancelled) {
      const { task_status } = await this.rowOf(teamId, taskId)
        .select('task_status')
        .executeTakeFirstOrThrow(notFound);
      return task_status;
    }
    this.metrics.taskEnded(cancelled.required_labels, 'cancelled');
    noteInScope({ taskId });
    this.logger.log(`task ${taskId}: cancelled`);
    return 'cancelled';
  }

  private rowOf(teamId: string, taskId: string, db: Db = this.database.db) {
    return db.selectFrom('task').where('task.team_id', '=', teamId).where('task.id', '=', taskId);
  }
}

const notFound = (): Error => new NotFoundException('resource not found');
