import { Injectable } from '@nestjs/common';
import { type SelectQueryBuilder, sql } from 'kysely';

import { parseExact, type Task, type TaskList, type TaskState } from '../../contract/index.js';
import { Database, type Schema, smallestIdAt } from '../database/index.js';
import {
  holderState,
  latestEvent,
  type PresentableTask,
  presentTask,
  workflowSlug,
} from './presented-task.js';
import { StatusReasons } from './status-reasons.js';
import { TASK_COLUMNS } from './task-transitions.js';

/** Tasks are counted up to here: counting all of 100,000 would take ten times as long as reading a page. */
const COUNTED = 1000;
/** Ids have the time of the node's clock, `created_at` that of the database; the clocks differ by less. */
const CLOCKS_MS = 3_600_000;

/** Bytes of parameters that a task carries in a list; larger ones are `null`. */
const LISTED_PARAMETERS = 1024;
/** Characters of the first line of an error. */
const LISTED_ERROR = 300;

/** As text: the driver would round large numbers. */
const listedParameters = sql<string | null>`case when octet_length(parameters::text) <= ${LISTED_PARAMETERS}
  then parameters::text end`.as('parameters');
const listedError = sql<string | null>`left(split_part(task_error, ${'\n'}, 1), ${LISTED_ERROR})`.as(
  'task_error',
);

export interface TaskFilter {
  readonly status?: readonly TaskState[] | undefined;
  readonly workflow_slug?: string | undefined;
  /** Included. */
  readonly created_after?: Date | undefined;
  /** Not included. */
  readonly created_before?: Date | undefined;
}

interface TaskPage extends TaskFilter {
  readonly current_page: number;
  readonly per_page: number;
  /** Id of the last task of the page before; takes the place of `current_page`. */
  readonly cursor?: string | undefined;
}

type Tasks = SelectQueryBuilder<Schema, 'task', object>;

/** Lists of the tasks of a team. */
@Injectable()
export class TaskLists {
  constructor(
    private readonly database: Database,
    private readonly reasons: StatusReasons,
  ) {}

  /** Newest first. Pages by cursor take the same time at any depth; `current_page` reads over the pages before. */
  async list(teamId: string, { current_page, per_page, cursor, ...filter }: TaskPage): Promise<TaskList> {
    const tasks = this.matching(teamId, filter);
    const page =
      cursor === undefined ? tasks.offset((current_page - 1) * per_page) : tasks.where('id', '<', cursor);
    const [rows, counted] = await Promise.all([
      page
        .select(TASK_COLUMNS)
        .select([workflowSlug, latestEvent, holderState, listedParameters, listedError])
        .orderBy('id', 'desc')
        // One more shows whether another page follows.
        .limit(per_page + 1)
        .execute(),
      this.count(tasks),
    ]);
    const shown = rows.slice(0, per_page);
    const next_cursor = rows.length > per_page ? (shown.at(-1)?.id ?? null) : null;
    const reasons = await this.reasons.ofList(teamId, shown);
    return {
      task_list: shown.map((task) => listed(task, reasons.get(task.id))),
      page_meta: { current_page, per_page, ...counted, next_cursor },
    };
  }

  private matching(
    teamId: string,
    { status, workflow_slug, created_after, created_before }: TaskFilter,
  ): Tasks {
    let tasks: Tasks = this.database.db.selectFrom('task').where('team_id', '=', teamId);
    if (status !== undefined) tasks = tasks.where('task_status', 'in', status);
    if (workflow_slug !== undefined)
      tasks = tasks.where('workflow_id', '=', (query) =>
        query
          .selectFrom('workflow')
          .select('workflow.id')
          .where('workflow.team_id', '=', teamId)
          .where('workflow.workflow_slug', '=', workflow_slug),
      );
    // The ids, which have an index, lead to the neighbourhood of the time.
    if (created_after !== undefined)
      tasks = tasks
        .where('id', '>=', smallestIdAt(new Date(created_after.getTime() - CLOCKS_MS)))
        .where('created_at', '>=', created_after);
    if (created_before !== undefined)
      tasks = tasks
        .where('id', '<', smallestIdAt(new Date(created_before.getTime() + CLOCKS_MS)))
        .where('created_at', '<', created_before);
    return tasks;
  }

  /** `is_total_count_capped`: there are more tasks than `total_count`. */
  private async count(tasks: Tasks): Promise<{ total_count: number; is_total_count_capped?: true }> {
    const { found } = await this.database.db
      .selectFrom(
        tasks
          .select('id')
          .limit(COUNTED + 1)
          .as('counted'),
      )
      .select(({ fn }) => fn.countAll<string>().as('found'))
      .executeTakeFirstOrThrow();
    const total_count = Math.min(Number(found), COUNTED);
    return Number(found) > COUNTED ? { total_count, is_total_count_capped: true } : { total_count };
  }
}

function listed(
  {
    parameters,
    task_error,
    ...task
  }: PresentableTask & { readonly parameters: string | null; readonly task_error: string | null },
  reason: string | undefined,
): Task {
  const shown = parameters === null ? null : (parseExact(parameters) as Task['parameters']);
  const { last_error, ...presented } = presentTask(task, reason);
  return {
    ...presented,
    parameters: shown,
    task_error,
    ...(last_error && { last_error: last_error.split('\n', 1)[0]?.slice(0, LISTED_ERROR).toWellFormed() }),
  };
}
