import { type BeforeApplicationShutdown, Injectable, NotFoundException } from '@nestjs/common';

import { isTerminal, type TaskLog, type TaskLogLine, type TaskState } from '../../contract/index.js';
import { Database, DatabaseUnavailable } from '../database/index.js';
import { BEGINNING, type LogFilter, type LogLine, type LogPlace, LogReader } from '../logs/index.js';
import { EventSignal, TaskNotifications } from './task-notifications.js';

/** Characters of a page, at least one line. */
const PAGE_CHARACTERS = 1024 * 1024;
/** Characters of the log in a result; the whole log has its own endpoint. */
const RESULT_CHARACTERS = 4096;
const RESULT_LINES = 1000;
/** Interval of polling, because a notification may be lost. */
const POLL_MS = 15_000;
/** How long a reader waits before it reads again while the database is away. */
const RETRY_MS = 1000;
/** A cancelled run writes its last lines after its task was cancelled. */
const LAST_LINES_MS = 2000;

interface LogQuery extends LogFilter {
  readonly cursor?: string | undefined;
  /** Number of lines from the end, in place of a cursor. */
  readonly tail?: number | undefined;
}

interface FollowQuery extends LogQuery {
  /** Goes on until the task has ended. */
  readonly isFollowed: boolean;
}

/** What a follower of a log gets: lines, `undefined` when nothing came for a while, and at last how the task ended. */
export type FollowedLog =
  | { readonly lines: readonly TaskLogLine[] }
  | { readonly task_id: string; readonly task_status: string }
  | undefined;

/** Serves the logs of tasks; a team sees only its own. */
@Injectable()
export class TaskLogs implements BeforeApplicationShutdown {
  private readonly closing = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly reader: LogReader,
    private readonly notices: TaskNotifications,
  ) {}

  beforeApplicationShutdown(): void {
    this.closing.abort();
  }

  /** One page: so many lines after the cursor, or the last ones. */
  async page(teamId: string, taskId: string, query: LogQuery, limit: number): Promise<TaskLog> {
    const { task_status } = await this.statusOf(teamId, taskId);
    const task = { teamId, taskId };
    if (query.tail !== undefined) {
      const most = { lines: query.tail, characters: PAGE_CHARACTERS };
      const { lines, place } = await this.reader.last(task, query, most);
      return pageOf(taskId, task_status, { lines, place, has_more: false });
    }
    const found: LogLine[] = [];
    let place = placeOf(query.cursor);
    let characters = PAGE_CHARACTERS;
    for await (const part of this.reader.after(task, place, query)) {
      for (const line of part.lines) {
        characters -= line.text.length;
        if (found.length === limit || (characters < 0 && found.length > 0))
          return pageOf(taskId, task_status, { lines: found, place: found.at(-1) ?? place, has_more: true });
        found.push(line);
      }
      ({ place } = part);
    }
    return pageOf(taskId, task_status, { lines: found, place, has_more: false });
  }

  /** Every line from a place on: those that are written, or until the task has ended. */
  async *follow(
    teamId: string,
    taskId: string,
    query: FollowQuery,
    signal: AbortSignal,
  ): AsyncGenerator<FollowedLog> {
    const news = new EventSignal(AbortSignal.any([signal, this.closing.signal]));
    const notify = (): void => news.notify();
    const unsubscribe = this.notices.follow(taskId, { logged: notify, notified: notify, missed: notify });
    try {
      let place = placeOf(query.cursor);
      if (query.tail !== undefined) {
        const most = { lines: query.tail, characters: PAGE_CHARACTERS };
        const last = await this.reader.last({ teamId, taskId }, query, most);
        yield { lines: last.lines.map(presented) };
        ({ place } = last);
      }
      while (!news.isOver) {
        const end = yield* this.followPart({ teamId, taskId }, place, query);
        ({ place } = end);
        if (!query.isFollowed && end.waitMs !== RETRY_MS) return;
        if (end.ended !== undefined) yield { task_id: taskId, task_status: end.ended };
        if (end.ended !== undefined) return;
        if (!(await news.wait(end.waitMs))) yield undefined;
      }
    } finally {
      unsubscribe();
    }
  }

  /** What is written of the log now, and whether more will follow: the state of the task is read before its log. */
  private async *followPart(
    task: { readonly teamId: string; readonly taskId: string },
    from: LogPlace,
    query: LogFilter,
  ): AsyncGenerator<FollowedLog, FollowedPart> {
    let place = from;
    try {
      const { task_status, completed_at } = await this.statusOf(task.teamId, task.taskId);
      for await (const part of this.reader.after(task, place, query)) {
        if (part.lines.length > 0) yield { lines: part.lines.map(presented) };
        ({ place } = part);
      }
      if (!isTerminal(task_status)) return { place, waitMs: POLL_MS };
      const sinceMs = Date.now() - (completed_at?.getTime() ?? 0);
      if (task_status === 'cancelled' && sinceMs < LAST_LINES_MS) return { place, waitMs: LAST_LINES_MS / 4 };
      return { place, waitMs: 0, ended: task_status };
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      return { place, waitMs: RETRY_MS };
    }
  }

  /** The last lines of a run, for its result; `null` before the first run. */
  async endOf(teamId: string, taskId: string, attempt: number): Promise<string | null> {
    if (attempt === 0) return null;
    const most = { lines: RESULT_LINES, characters: RESULT_CHARACTERS };
    const { lines } = await this.reader.last({ teamId, taskId }, { attempt }, most);
    const [first] = lines;
    const isCut = first !== undefined && first.line > 1 && first.stream !== 'system';
    const texts = lines.map(({ text }) => `${text}\n`);
    return (isCut ? ['[earlier lines: GET /r/tasks/{id}/logs]\n', ...texts] : texts).join('');
  }

  private async statusOf(
    teamId: string,
    taskId: string,
  ): Promise<{ readonly task_status: TaskState; readonly completed_at: Date | null }> {
    return this.database.db
      .selectFrom('task')
      .select(['task_status', 'completed_at'])
      .where('team_id', '=', teamId)
      .where('id', '=', taskId)
      .executeTakeFirstOrThrow(() => new NotFoundException('resource not found'));
  }
}

interface FollowedPart {
  readonly place: LogPlace;
  /** How long to wait for more. */
  readonly waitMs: number;
  /** The state in which the task has ended; nothing follows. */
  readonly ended?: TaskState;
}

interface FoundLines {
  readonly lines: readonly LogLine[];
  readonly place: LogPlace;
  readonly has_more: boolean;
}

const pageOf = (task_id: string, task_status: string, { lines, place, has_more }: FoundLines): TaskLog => ({
  task_id,
  task_status,
  log_list: lines.map(presented),
  page_meta: { next_cursor: place.attempt === 0 ? null : cursorOf(place), has_more },
});

const presented = (line: LogLine): TaskLogLine => ({
  cursor: cursorOf(line),
  attempt: line.attempt,
  step: line.step,
  stream: line.stream,
  timestamp: line.time.toISOString(),
  text: line.text,
});

const cursorOf = ({ attempt, line }: LogPlace): string => `${attempt}.${line}`;

function placeOf(cursor: string | undefined): LogPlace {
  if (cursor === undefined) return BEGINNING;
  const [attempt = 0, line = 0] = cursor.split('.').map(Number);
  return { attempt, line };
}
