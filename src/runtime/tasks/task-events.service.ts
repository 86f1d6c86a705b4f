import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { sql } from 'kysely';

import { isTerminal, type TaskEventName } from '../../contract/index.js';
import { Database } from '../database/index.js';
import { Bell } from './bell.js';
import { TaskNotices } from './task-notices.js';

/** An event of a task; `sequence` counts from 1 without gaps. */
export interface TaskEventRow {
  readonly sequence: number;
  readonly event: TaskEventName;
  /** Size of its data. */
  readonly bytes: number;
  /** Its data as JSON on one line; large data is read from the database only now. */
  readonly read: () => Promise<string>;
}

/** Where to follow a task from, and until when. */
export interface Following {
  /** Sequence of the last event that is known already; 0 for all. */
  readonly after: number;
  readonly signal: AbortSignal;
}

const BATCH = 100;
/** Data up to this size is read along with its event. */
const SMALL_BYTES = 16_384;
/** A wake-up may be lost; rows are not. */
const LOOK_AGAIN_MS = 15_000;

/** Follows tasks by their rows; what the database announces is only the sign to look. */
@Injectable()
export class TaskEventsService implements BeforeApplicationShutdown {
  private readonly closing = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly notices: TaskNotices,
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

  private async rowsAfter(teamId: string, taskId: string, sequence: number): Promise<TaskEventRow[]> {
    // As text: the driver would round large numbers.
    const rows = await this.rowsOf(teamId, taskId)
      .select(['sequence', 'event', sql<number>`octet_length(data::text)`.as('bytes')])
      .select(
        sql<string | null>`case when octet_length(data::text) <= ${SMALL_BYTES} then data::text end`.as(
          'text',
        ),
      )
      .where('sequence', '>', sequence)
      .orderBy('sequence')
      .limit(BATCH)
      .execute();
    return rows.map(({ text, ...row }) => ({
      ...row,
      read: () => (text === null ? this.dataOf(teamId, taskId, row.sequence) : Promise.resolve(text)),
    }));
  }

  private async dataOf(teamId: string, taskId: string, sequence: number): Promise<string> {
    const { text } = await this.rowsOf(teamId, taskId)
      .select(sql<string>`data::text`.as('text'))
      .where('sequence', '=', sequence)
      .executeTakeFirstOrThrow();
    return text;
  }

  private rowsOf(teamId: string, taskId: string) {
    return this.database.db
      .selectFrom('task_event')
      .where('team_id', '=', teamId)
      .where('task_id', '=', taskId);
  }
}
