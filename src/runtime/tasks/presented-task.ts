import { sql } from 'kysely';

import type { Task } from '../../contract/index.js';
import type { TaskRow } from './task-transitions.js';

/** The latest event that says how far a task is, or why it is in its state. */
interface LatestEvent {
  readonly event: 'status' | 'progress';
  readonly data: Record<string, unknown>;
}

/** Slug of the workflow of a task, as a column. */
export const workflowSlug = sql<string>`(
  select workflow_slug from workflow where workflow.id = task.workflow_id
)`.as('workflow_slug');

/** A {@link LatestEvent}, as a column: one look at the end of the task's events. */
export const latestEvent = sql<LatestEvent | null>`case when task_status <> 'completed' then (
    select json_build_object('event', event, 'data', data) from task_event
    where task_event.task_id = task.id and event in ('status', 'progress')
    order by sequence desc limit 1
  ) end`.as('latest_event');

export type PresentableTask = TaskRow & {
  readonly workflow_slug: string;
  readonly latest_event: LatestEvent | null;
};

/** A task without its parameters and error. */
export function presentTask(task: PresentableTask): Task {
  const { dispatch_target = 'agent', target_pool = 'team', tool_type } = task.submission;
  return {
    id: task.id,
    workflow_id: task.workflow_id,
    workflow_slug: task.workflow_slug,
    workflow_version: task.workflow_version,
    task_status: task.task_status,
    ...situationOf(task),
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

/** Progress of the current run, and why the task is in its state where there is a reason. */
function situationOf({ latest_event }: PresentableTask): Pick<Task, 'progress' | 'status_reason'> {
  if (latest_event?.event === 'progress') {
    const { task_id: _, ...progress } = latest_event.data;
    return { status_reason: null, progress };
  }
  const message = latest_event?.data['message'];
  return { status_reason: typeof message === 'string' ? message : null, progress: null };
}
