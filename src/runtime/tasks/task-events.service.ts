import { type BeforeApplicationShutdown, Injectable, NotFoundException } from '@nestjs/common';
import { sql } from 'kysely';

import { isTerminal } from '../../contract/index.js';
import { Database, DatabaseUnavailable, whenReachable } from '../database/index.js';
import { type TaskEventPage, PushedEvents, type TaskEventRow } from './pushed-events.js';
import { TaskNotifications } from './task-notifications.js';

const BATCH = 100;
/** Data up to this size is read with its event. */
const SMALL_BYTES = 16_384;
/** Interval of polling, because a notification may be lost. */
const POLL_MS = 15_000;

/** How long a stream waits before it reads again while the database is away. */
const RETRY_MS = 1000;

/**
 * Follows the events of tasks. Their sequence has no gaps, so an event that a notification brought is the next one, or
 * its rows are read: a lost notification costs time, and no event.
 */
@Injectable()
export class TaskEventsService implements BeforeApplicationShutdown {
  private readonly closing = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly notices: TaskNotifications,
  ) {}

  beforeApplicationShutdown(): void {
    this.closing.abort();
  }

  /**
   * Every event after a sequence (0: all events); ends after the terminal event, or when this process ends. `undefined`
   * stands for a while without an event. The first events are read before this resolves, and tell whether there is a task.
   *
   * @throws {NotFoundException} when the team has no such task.
   */
  async follow(
    teamId: string,
    taskId: string,
    { after, signal }: { readonly after: number; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<TaskEventRow | undefined>> {
    const news = new PushedEvents(AbortSignal.any([signal, this.closing.signal]));
    const unsubscribe = this.notices.follow(taskId, news);
    const pageAfter = async (last: number): Promise<TaskEventPage> =>
      news.pageAfter(last) ?? this.pageAfter(teamId, taskId, last);
    try {
      const first = await pageAfter(after);
      if (first === NO_TASK) throw new NotFoundException('resource not found');
      return eventsFrom(first, { after, news, pageAfter, unsubscribe });
    } catch (error) {
      unsubscribe();
      throw error;
    }
  }

  private async pageAfter(teamId: string, taskId: string, sequence: number): Promise<TaskEventPage> {
    const rows = await this.rowsAfter(teamId, taskId, sequence);
    const newest = rows.at(-1);
    // The terminal event is the last one. Without new events the task itself is checked.
    return newest ? { rows, isLast: isTerminal(newest.event) } : this.emptyPage(teamId, taskId, sequence);
  }

  /** Tells whether the task has ended and no further event follows. */
  private async emptyPage(teamId: string, taskId: string, sequence: number): Promise<TaskEventPage> {
    const task = await this.database.db
      .selectFrom('task')
      .select(['task_status', 'last_sequence'])
      .where('team_id', '=', teamId)
      .where('id', '=', taskId)
      .executeTakeFirst();
    if (!task) return NO_TASK;
    return { rows: [], isLast: isTerminal(task.task_status) && task.last_sequence <= sequence };
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
      read: () =>
        text === null
          ? whenReachable(() => this.dataOf(teamId, taskId, row.sequence), this.closing.signal)
          : Promise.resolve(text),
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

/** There is no such task, or not any more. */
const NO_TASK: TaskEventPage = { rows: [], isLast: true };

interface Following {
  readonly after: number;
  readonly news: PushedEvents;
  readonly pageAfter: (last: number) => Promise<TaskEventPage>;
  readonly unsubscribe: () => void;
}

async function* eventsFrom(
  first: TaskEventPage,
  { after, news, pageAfter, unsubscribe }: Following,
): AsyncGenerator<TaskEventRow | undefined> {
  try {
    let last = after;
    let page: TaskEventPage | undefined = first;
    for (;;) {
      for (const row of page?.rows ?? []) {
        yield row;
        last = row.sequence;
      }
      if (page?.isLast) return;
      const isMore = page && (page.rows.length === BATCH || news.has(last));
      // A comment keeps the stream alive while the database is away, too.
      if (!isMore && !(await news.wait(page ? POLL_MS : RETRY_MS))) yield undefined;
      if (news.isOver) return;
      page = await pageAfter(last).catch(unlessUnavailable);
    }
  } finally {
    unsubscribe();
  }
}

function unlessUnavailable(error: unknown): undefined {
  if (!(error instanceof DatabaseUnavailable)) throw error;
}
