import { sql } from 'kysely';

import type { Task } from '../../contract/index.js';
import { ALIVE_SINCE } from '../nodes/index.js';
import { labelsIn } from './agent-requirements.js';
import type { TaskRow } from './task-transitions.js';

/** Why a task is in the queue again. */
export type RequeueCause = 'failed' | 'interrupted' | 'returned';

/** How the agent of a run is. */
type HolderState = 'connected' | 'draining' | 'away';

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

/** An {@link HolderState} while an agent has the task, as a column: one look at the row of the agent. */
export const holderState =
  sql<HolderState | null>`case when task_status in ('queued', 'running') then coalesce((
    select case when hello ->> 'draining' = 'true' then 'draining' else 'connected' end
    from connected_agent as agent join runtime_node as node on node.id = agent.node_id
    where agent.team_id = task.team_id and agent.agent_id = task.agent_id and node.seen_at > ${ALIVE_SINCE}
  ), 'away') end`.as('holder_state');

export type PresentableTask = TaskRow & {
  readonly workflow_slug: string;
  readonly latest_event: LatestEvent | null;
  readonly holder_state: HolderState | null;
};

/**
 * A task without its parameters and error.
 *
 * @param reason why it waits, or stands still.
 */
export function presentTask(task: PresentableTask, reason: string | undefined): Task {
  const { dispatch_target = 'agent', target_pool = 'team', tool_type } = task.submission;
  return {
    id: task.id,
    workflow_id: task.workflow_id,
    workflow_slug: task.workflow_slug,
    workflow_version: task.workflow_version,
    task_status: task.task_status,
    status_reason: reason ?? null,
    progress: progressOf(task),
    ...lastErrorOf(task),
    created_at: task.created_at.toISOString(),
    retry_count: task.retry_count,
    attempt_count: task.attempt_count,
    interrupted_count: task.interrupted_count,
    started_at: task.started_at?.toISOString() ?? null,
    completed_at: task.completed_at?.toISOString() ?? null,
    agent_id: task.agent_id,
    agent_labels: task.agent_labels && labelsIn(task.agent_labels),
    gpu_type: task.gpu_type,
    dispatch_target,
    target_pool,
    ...(tool_type === undefined ? {} : { tool_type }),
  };
}

/** What the current run has reported last. */
function progressOf({ latest_event }: PresentableTask): Task['progress'] {
  if (latest_event?.event !== 'progress') return null;
  const { task_id: _, ...progress } = latest_event.data;
  return progress;
}

/** Why a task in the queue is there again; `undefined` when it is there for the first time. */
export const causeOf = ({ latest_event }: PresentableTask): RequeueCause | undefined =>
  latest_event?.data['cause'] as RequeueCause | undefined;

/** The error of a run that is repeated. */
function lastErrorOf(task: PresentableTask): Pick<Task, 'last_error'> {
  const error = task.latest_event?.data['error'];
  return causeOf(task) === 'failed' && typeof error === 'string' ? { last_error: error } : {};
}
