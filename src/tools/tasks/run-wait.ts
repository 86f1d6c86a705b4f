import { isTerminal, type RunAccepted, type Task } from '../../contract/index.js';
import { type ToolContext, withExtras } from '../../mcp/index.js';
import { type Caller, UpstreamError } from '../../upstream/index.js';
import { marked, TASK_TEXTS } from '../untrusted.js';
import { HOW_TO_READ_ON, partOf } from './result-part.js';
import { followTask } from './task-follower.js';
import { standingOf, standingFields } from './task-standing.js';
import type { TasksService } from './tasks.service.js';

/**
 * Waits for the end of a run that was just submitted, and returns its result; after `seconds` the task as it is, with what to
 * do next. A failure while it waits is a note: an error would hide from the caller that the run has started.
 */
export async function waitForRun(
  tasks: TasksService,
  { caller, isProgressWanted, reportProgress }: ToolContext,
  accepted: RunAccepted,
  seconds: number,
): Promise<object> {
  const { task_id: taskId } = accepted;
  const report = isProgressWanted ? reportProgress : undefined;
  try {
    const task = await followTask(tasks, caller, { taskId, seconds, report });
    if (!isTerminal(task.task_status))
      return marked({ ...accepted, ...standingFields(task), note: goesOn(task, seconds) }, TASK_TEXTS);
    return await resultOfRun(tasks, caller, accepted);
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    const note = `The run was submitted, but this call could not wait for it. ${error.body.error_message} Do not run it again: to wait for it, call stream_task_events with task_id ${taskId}.`;
    return { ...accepted, note };
  }
}

/** What a run that has ended gives. */
export async function resultOfRun(
  tasks: TasksService,
  caller: Caller,
  accepted: RunAccepted,
): Promise<object> {
  const { id: _id, ...result } = partOf(await tasks.result(caller, accepted.task_id), {});
  return withExtras(marked({ ...accepted, ...result }, TASK_TEXTS), { whenCut: HOW_TO_READ_ON });
}

const goesOn = (task: Task, seconds: number): string =>
  `The run has not ended after ${seconds} s, and stays submitted. It is ${standingOf(task)}. To wait on, call stream_task_events with task_id ${task.id}; then call get_task_result.`;
