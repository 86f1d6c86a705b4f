import { isTerminal, type TaskResult } from '../../contract/index.js';

/** What to do about a result that is asked for before there is one; nothing once the task has ended. */
export function noteOn({ id, task_status }: TaskResult): { readonly note?: string } {
  if (task_status === undefined || isTerminal(task_status)) return {};
  const why = task_status === 'waiting' ? ', until an agent with its labels is free (see list_agents)' : '';
  const note = `The task is ${task_status}${why} and has no result yet. Call stream_task_events with task_id ${id}, then get_task_result again.`;
  return { note };
}
