import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';

import { sql } from 'kysely';

import { isTerminal, parseExact, type TaskEventName } from '../../contract/index.js';
import { Database } from '../database/index.js';
import { Bell } from './bell.js';
import { TaskNotices } from './task-notices.js';

/** An event of a task; `sequence` counts from 1 without gaps. */
export interface TaskEventRow {
  readonly sequence: number;
  readonly event: TaskEventName;
  readonly data: Record<string, unknown>;
}

/** Where to follow a task from, and until when. */
export interface Following {
  /** Sequence of the last event that is known already; 0 for all. */
  readonly after: number;
  readonly signal: AbortSignal;
}

const BATCH = 500;
/** A wake-up may be lost; rows are not. */
const LOOK_AGAIN_MS = 15_000;

/** Follows tasks by their rows; what the database announces is only the sign to look. */
@Injectable()
export class TaskEventsService implements BeforeApplicationShutdown {
  private readonly closing = new AbortController();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TaskNotices) private readonly notices: TaskNotices,
  ) {}

  beforeApplicationShutdown(): void {
    this.closing.abort();
  }

  /**
   * Every event after a sequence, as it comes; ends after the terminal one, or when this process ends. `undefined`
   * means that nothing happened for a while.
   */
  async *follow(
    teamId: string,
    taskId: string,
    { after, signal }: Following,
  ): AsyncGenerator<TaskEventRow | undefined> {
    const bell = new Bell(AbortSignal.any([signal, this.closing.signal]));
    const unsubscribe = this.notices.subscribe(({ task_id }) => {
      if (task_id === taskId) bell.ring();
    });
    try {
      let last = after;
      while (!bell.isOver) {
        const rows = await this.rowsAfter(teamId, taskId, last);
        for (const row of rows) {
          yield row;
          last = row.sequence;
        }
        const newest = rows.at(-1);
        // The terminal event is the last of all. Without any the task itself is asked.
        if (newest ? isTerminal(newest.event) : await this.isOver(teamId, taskId, last)) return;
        if (rows.length < BATCH && !(await bell.rings(LOOK_AGAIN_MS))) yield undefined;
      }
    } finally {
      unsubscribe();
    }
  }

  /** Whether the task is at its end and nothing is left to tell. */
  private async isOver(teamId: string, taskId: string, sequence: number): Promise<boolean> {
    const task = await this.database.db
      .selectFrom('task')
      .select(['task_status', 'last_sequence'])
      .where('team_id', '=', teamId)
      .where('id', '=', taskId)
      .executeTakeFirst();
    return task === undefined || (isTerminal(task.task_status) && task.last_sequence <= sequence);
  }

  private async rowsAfter(teamId: string, taskId: string, after: number): Promise<TaskEventRow[]> {
    const rows = await this.database.db
      .selectFrom('task_event')
      .select(['sequence', 'event'])
      // As text: the driver would round large numbers.
      .select(sql<string>`data::text`.as('data'))
      .where('team_id', '=', teamId)
      .where('task_id', '=', taskId)
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(BATCH)
      .execute();
    return rows.map(({ data, ...row }) => ({ ...row, data: parseExact(data) as TaskEventRow['data'] }));
  }
}
