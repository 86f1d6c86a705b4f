import { Injectable, Logger, NotFoundException } from '@nestjs/common';

import type { Task, TaskList, TaskState } from '../../contract/index.js';
import { Database, type Db, type Tx } from '../database/index.js';
import { Engine } from '../engine/index.js';
import { presentSummary, presentTask } from './task-presentation.js';
import { moveTask, OPEN_STATES, TASK_COLUMNS } from './task-transitions.js';

/** Which tasks a list shows. */
export interface TaskFilter {
  readonly current_page: number;
  readonly per_page: number;
  readonly status?: TaskState | undefined;
}

/** Reads and cancels tasks; a team sees its own. */
@Injectable()
export class TasksService {
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

  /** Ends a task that is not at its end yet; repeating it is harmless. Returns once the task is `cancelled`. */
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
