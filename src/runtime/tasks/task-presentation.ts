import type { Task } from '../../contract/index.js';
import type { TaskRow } from './task-transitions.js';

/** A task as lists show it: everything but its error. */
export function presentSummary(task: TaskRow): Task {
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

/** A task by itself. */
export const presentTask = (task: TaskRow & { readonly task_error: string }): Task => ({
  ...presentSummary(task),
  task_error: task.task_error,
});
