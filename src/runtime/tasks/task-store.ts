import { Injectable, Logger, NotFoundException } from '@nestjs/common';

import type { Task, TaskList, TaskState } from '../../contract/index.js';
import { Database, type Db, type Tx } from '../database/index.js';
import { Engine } from '../engine/index.js';
import { moveTask, OPEN_STATES, TASK_COLUMNS, type TaskRow } from './task-transitions.js';

/** A task in a list, without its error. */
function presentSummary(task: TaskRow): Task {
  const { dispatch_target = 'agent', target_pool = 'team', tool_type } = task.submission;
  return {
    id: task.id,
    workflow_id: task.workflow_id,
    workflow_version: task.workflow_version,
    task_status: task.task_status,
    created_at: task.created_at.toISOString(),
    retry_count: task.retry_count,
    attempt_count: task.attempt_count,
    interrupted_count: task.interrupted_count,
    started_at: task.started_at?.toISOString() ?? null,
    completed_at: task.completed_at?.toISOString() ?? null,
    agent_id: task.agent_id,
    agent_labels: task.agent_labels,
    gpu_type: task.gpu_type,
    dispatch_target,
    target_pool,
    ...(tool_type === undefined ? {} : { tool_type }),
  };
}

/** A task in its detail. */
const presentTask = (task: TaskRow & { readonly task_error: string }): Task => ({
  ...presentSummary(task),
  task_error: task.task_error,
});

/** Filter of a task list. */
interface TaskFilter {
  readonly current_page: number;
  readonly per_page: number;
  readonly status?: TaskState | undefined;
}

/** Reads and cancels tasks; a team sees only its own. */
@Injectable()
export class TaskStore {
  private readonly logger = new Logger('Tasks');

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
  ) {}

  /** Newest first. */
  async list(teamId: string, { current_page, per_page, status }: TaskFilter): Promise<TaskList> {
    let tasks = this.database.db.selectFrom('task').where('team_id', '=', teamId);
    if (status !== undefined) tasks = tasks.where('task_status', '=', status);
    const [rows, { total_count }] = await Promise.all([
      tasks
        .select(TASK_COLUMNS)
        .orderBy('id', 'desc')
        .limit(per_page)
        .offset((current_page - 1) * per_page)
        .execute(),
      tasks.select(({ fn }) => fn.countAll<string>().as('total_count')).executeTakeFirstOrThrow(),
    ]);
    const page_meta = { current_page, per_page, total_count: Number(total_count) };
    return { task_list: rows.map(presentSummary), page_meta };
  }

  async get(teamId: string, taskId: string): Promise<Task> {
    const task = await one(this.rowsOf(this.database.db, teamId, taskId).select('task_error'));
    return presentTask(task);
  }

  /** Cancels a task unless it has ended; idempotent. Resolves once the task is `cancelled`. */
  async cancel(teamId: string, taskId: string): Promise<void> {
    await this.database.db.transaction().execute(async (tx) => {
      const { required_labels } = await one(this.rowsOf(tx, teamId, taskId));
      const change = { task_status: 'cancelled' as const, completed_at: new Date() };
      const cancelled = await moveTask(tx, { teamId, taskId, from: OPEN_STATES }, change, {
        event: 'cancelled',
        data: { status: 'cancelled' },
      });
      if (!cancelled) return;
      await this.engine.cancel(tx, taskId, { teamId, labels: required_labels });
      this.logger.log(`task ${taskId}: cancelled`);
    });
  }

  private rowsOf(db: Db | Tx, teamId: string, taskId: string) {
    return db.selectFrom('task').select(TASK_COLUMNS).where('team_id', '=', teamId).where('id', '=', taskId);
  }
}

async function one<Row>(rows: { executeTakeFirst(): Promise<Row | undefined> }): Promise<Row> {
  const row = await rows.executeTakeFirst();
  if (row) return row;
  throw new NotFoundException('resource not found');
}
