import { type InsertObject, type Selectable, sql } from 'kysely';

import type { TaskEventName, TaskState } from '../../contract/index.js';
import type { Db, Schema } from '../database/index.js';
import type { TaskTable } from '../database/schema.js';
import type { Claim, StatementPart } from '../engine/index.js';
import type { StoredOutput } from './claimed-runs.js';

/** Rows per insert statement, which has a limited number of parameters. */
const ROWS_BATCH = 500;

/** Columns that are always read. Parameters, output and error may be large, and are read only where needed. */
export const TASK_COLUMNS = [
  'id',
  'team_id',
  'workflow_id',
  'workflow_version',
  'required_labels',
  'task_status',
  'submission',
  'max_retries',
  'retry_count',
  'attempt_count',
  'interrupted_count',
  'returned_count',
  'agent_id',
  'agent_labels',
  'gpu_type',
  'node_id',
  'queue_rank',
  'created_at',
  'started_at',
  'completed_at',
] as const satisfies (keyof TaskTable)[];
export type TaskRow = Pick<Selectable<TaskTable>, (typeof TASK_COLUMNS)[number]>;

/** The claim under which a task is with an agent. */
export const claimOf = (task: TaskRow): Claim => ({
  taskId: task.id,
  teamId: task.team_id,
  labels: task.required_labels,
  attempt: task.attempt_count,
});

/** Identifies one run of a task. */
export const runName = (taskId: string, attempt: number): string => `${taskId}/${attempt}`;

/** States a task can still leave. */
export const OPEN_STATES = ['pending', 'waiting', 'queued', 'running'] as const satisfies TaskState[];
/** States in which the task is with an agent. */
export const HELD_STATES = ['queued', 'running'] as const satisfies TaskState[];

/** The tasks that are with agents. */
export const heldTasks = (db: Db) =>
  db.selectFrom('task').select(TASK_COLUMNS).where('task_status', 'in', HELD_STATES);

/** A task and the states it may leave; with `attempt`, only while that run is the current one. */
export interface MovableTask {
  readonly teamId: string;
  readonly taskId: string;
  readonly attempt?: number;
  readonly from: readonly TaskState[];
}

export type TaskChange = Partial<
  Pick<
    Selectable<TaskTable>,
    | 'task_status'
    | 'task_error'
    | 'retry_count'
    | 'interrupted_count'
    | 'returned_count'
    | 'agent_id'
    | 'agent_labels'
    | 'gpu_type'
    | 'node_id'
    | 'queue_rank'
    | 'started_at'
    | 'completed_at'
  >
> & {
  readonly task_output?: string;
  readonly task_warnings?: string[];
};

/** The event of a transition; `data` without the task's id and the time. */
export interface NewTaskEvent {
  readonly event: TaskEventName;
  readonly data: Record<string, unknown>;
}

/** The event that a task waits, since no connected agent can run it. */
export const waitingEvent = (obstacle: string): NewTaskEvent => ({
  event: 'status',
  data: { status: 'waiting', message: obstacle },
});

/**
 * Changes a task and writes the event of the change, in one statement.
 *
 * @returns the changed task, or `undefined` when it was not in one of the states.
 */
export const moveTask = (
  db: Db,
  task: MovableTask,
  change: TaskChange,
  news: NewTaskEvent,
): Promise<TaskRow | undefined> =>
  movingTask(db, task, change, news).selectFrom('moved').select(TASK_COLUMNS).executeTakeFirst();

/** The statement of {@link moveTask}, to which others may be added: `moved` is the changed task. */
export function movingTask(
  db: Db,
  { teamId, taskId, attempt, from }: MovableTask,
  change: TaskChange,
  { event, data }: NewTaskEvent,
) {
  const text = textOf(taskId, data);
  return db
    .with('moved', (query) => {
      const update = query
        .updateTable('task')
        .set(({ eb }) => ({ ...change, last_sequence: eb('last_sequence', '+', 1) }))
        .where('id', '=', taskId)
        .where('team_id', '=', teamId)
        .where('task_status', 'in', from)
        .$if(attempt !== undefined, (current) => current.where('attempt_count', '=', attempt ?? 0));
      return update.returning([...TASK_COLUMNS, 'last_sequence']);
    })
    .with('written', (query) =>
      query
        .insertInto('task_event')
        .columns(['task_id', 'team_id', 'sequence', 'event', 'data'])
        .expression(
          query
            .selectFrom('moved')
            .select(['id', 'team_id', 'last_sequence'])
            .select([sql<TaskEventName>`${event}::text`.as('event'), sql<string>`${text}::json`.as('data')]),
        ),
    );
}

/**
 * Adds a task with its first events and its job, in one statement.
 *
 * @param jobs the part of the statement that enqueues the jobs of tasks.
 */
export async function addTask(
  db: Db,
  task: InsertObject<Schema, 'task'> & { readonly id: string; readonly team_id: string },
  news: readonly NewTaskEvent[],
  jobs: (tasks: StatementPart) => StatementPart,
): Promise<void> {
  const events = news.map(({ event, data }, index) => ({
    task_id: task.id,
    team_id: task.team_id,
    sequence: index + 1,
    event,
    data: textOf(task.id, data),
  }));
  await db
    .with('added', (query) =>
      query
        .insertInto('task')
        .values({ ...task, last_sequence: news.length })
        .returning(['id', 'queue_rank']),
    )
    .with('written', (query) => query.insertInto('task_event').values(events))
    .with('enqueued', () => sql`(${jobs(sql`select id, queue_rank as rank from added`)})`)
    .selectFrom('added')
    .select('id')
    .executeTakeFirstOrThrow();
}

const textOf = (task_id: string, data: NewTaskEvent['data']): string =>
  JSON.stringify({ task_id, ...data, timestamp: new Date().toISOString() });

export async function saveOutputFiles(
  db: Db,
  { taskId, teamId }: Claim,
  files: readonly StoredOutput[],
): Promise<void> {
  const rows = files.map(({ file, fileKey }) => ({
    task_id: taskId,
    team_id: teamId,
    file_name: file.name,
    file_key: fileKey,
    file_size: file.size,
    content_type: file.content_type,
  }));
  for (let start = 0; start < rows.length; start += ROWS_BATCH) {
    await db
      .insertInto('task_file')
      .values(rows.slice(start, start + ROWS_BATCH))
      .execute();
  }
}
