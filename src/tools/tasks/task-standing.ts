import { isTerminal, type Task, taskEvent, type TaskResult } from '../../contract/index.js';
import type { Caller } from '../../upstream/index.js';
import { progressText } from './task-progress.js';
import type { TasksService } from './tasks.service.js';

/**
 * How a task stands, for a note: "running (35%, step 7/20)", or "waiting: no connected agent has the labels gpu". Without
 * the texts of its progress, which the task has written.
 */
export function standingOf({ task_status, status_reason, progress }: Task): string {
  if (status_reason) return `${task_status}: ${status_reason}`;
  // Not every runtime says why.
  if (task_status === 'waiting') return 'waiting for an agent with its labels (see list_agents)';
  const { progress: share, step_current, step_total } = taskEvent.safeParse(progress ?? {}).data ?? {};
  const text = progressText({ step_current, step_total }, share);
  return text === '' ? task_status : `${task_status} (${text})`;
}

/** The fields that say how far a task is that has not ended. */
export const standingFields = ({ task_status, status_reason, progress, last_error }: Task): object => ({
  task_status,
  ...(status_reason && { status_reason }),
  ...(progress && { progress }),
  ...(last_error && { last_error }),
});

/** For a result that is asked for before the task has ended. */
export const notFinished = (task: Task): string =>
  `Not finished yet, so there is no result. The task is ${standingOf(task)}. To wait for its end call stream_task_events with task_id ${task.id}; then call get_task_result again.`;

/** For a task whose end was not reached in the time. */
export const timeUp = (task: Task, seconds: number): string =>
  `Time is up after ${seconds} s, and the task goes on. It is ${standingOf(task)}. To wait on, call stream_task_events again with task_id ${task.id}; cancel_task ends it.`;

/** For several tasks: how many are in which state, and what to do next. */
export function groupNote(tasks: readonly Task[], seconds: number): string {
  const counts = Map.groupBy(tasks, ({ task_status }) => task_status);
  const states = [...counts].map(([state, { length }]) => `${length} ${state}`).join(', ');
  const left = tasks.filter(({ task_status }) => !isTerminal(task_status));
  if (left.length === 0)
    return `All ${tasks.length} tasks have ended: ${states}. Call get_task_result for the output or error of each.`;
  return `Time is up after ${seconds} s: ${states}. Those that have not ended go on. To wait on, call stream_task_events again with their ids in task_ids.`;
}

/** A result, and how its task stands unless it has ended. */
export async function withStanding(
  tasks: TasksService,
  caller: Caller,
  whole: TaskResult,
): Promise<{ readonly whole: TaskResult; readonly standing?: object }> {
  if (whole.task_status === undefined || isTerminal(whole.task_status)) return { whole };
  const task = await tasks.get(caller, whole.id);
  if (!isTerminal(task.task_status))
    return { whole, standing: { ...standingFields(task), note: notFinished(task) } };
  // It has ended meanwhile.
  return { whole: await tasks.result(caller, whole.id) };
}
