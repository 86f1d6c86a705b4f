import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import { type CancelAccepted, isTerminal, type Task } from '../../contract/index.js';
import {
  advertised,
  AnswersWithTask,
  RequiresPermission,
  Streaming,
  ToolContext,
  ToolError,
  ToolInput,
  withExtras,
} from '../../mcp/index.js';
import { inFormat } from '../concise.js';
import { endOfLog } from '../task-log.js';
import { READS } from '../tool-definition.js';
import { itemsOf, marked, TASK_TEXTS } from '../untrusted.js';
import { conciseTask } from './concise-task.js';
import { HOW_TO_READ_ON, partOf } from './result-part.js';
import { RunTasks } from './run-tasks.js';
import { followTask, followTasks } from './task-follower.js';
import { groupNote, timeUp, withStanding } from './task-standing.js';
import {
  cancelTaskOutput,
  type ListTasksInput,
  listTasksInput,
  listTasksOutput,
  type StreamTaskEventsInput,
  streamTaskEventsInput,
  streamTaskEventsOutput,
  type TaskInput,
  taskInput,
  taskOutput,
  type TaskResultInput,
  taskResultInput,
  taskResultOutput,
  WAIT_SECONDS,
} from './tasks.schemas.js';
import { TasksService } from './tasks.service.js';

/** Length of a UUID. */
const LONGEST_ID = 36;

/** What an agent can do with tasks, the runs of workflows. */
@McpController()
export class TasksTools {
  constructor(
    private readonly tasks: TasksService,
    private readonly runTasks: RunTasks,
  ) {}

  @Tool({
    name: 'list_tasks',
    description:
      "List the team's tasks (runs of workflows), newest first: each with its workflow, parameters in short, and progress, the reason why it waits, or the first line of its error. Use it to find a task, or what failed or runs; filters combine. With a task_id, use get_task; outputs are in get_task_result.",
    parameters: advertised(listTasksInput),
    outputSchema: advertised(listTasksOutput),
    annotations: { title: 'List tasks', ...READS },
  })
  async listTasks(
    @ToolInput(listTasksInput) { response_format, status, statuses = [], ...query }: ListTasksInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<object> {
    const states = [...new Set([...(status ? [status] : []), ...statuses])];
    const list = await this.tasks.list(caller, { ...query, states });
    return marked(inFormat(list, response_format, { key: 'task_list', concise: conciseTask }), LIST_TEXTS);
  }

  @Tool({
    name: 'get_task',
    description:
      'Get one task as it is now: its state, its progress or why it waits (status_reason), its times and parameters. It has ended when task_status is completed, failed or cancelled. To wait for that use stream_task_events, not this again and again; for outputs use get_task_result.',
    parameters: advertised(taskInput),
    outputSchema: advertised(taskOutput),
    annotations: { title: 'Get a task', ...READS },
  })
  async getTask(@ToolInput(taskInput) { task_id }: TaskInput, @Ctx() { caller }: ToolContext): Promise<Task> {
    return marked(await this.tasks.get(caller, task_id), TASK_TEXTS);
  }

  @Tool({
    name: 'get_task_result',
    description:
      'Get what a task produced: task_output and links to its files when it has completed, task_error when it has failed; before the end a note on its progress. log_tail adds the end of its log. What is too large is cut, and note says how to read on. Links open without a key until expires_at; call again for new ones. A value of file_keys can be a file parameter of another run.',
    parameters: advertised(taskResultInput),
    outputSchema: advertised(taskResultOutput),
    annotations: { title: 'Get the result of a task', ...READS },
  })
  async getTaskResult(
    @ToolInput(taskResultInput) { task_id, log_tail = 0, ...asked }: TaskResultInput,
    @Ctx() { caller, replyBytes }: ToolContext,
  ): Promise<object> {
    const [found, log] = await Promise.all([
      this.tasks.result(caller, task_id),
      log_tail === 0 ? undefined : this.tasks.logTail(caller, task_id, log_tail),
    ]);
    const { whole, standing } = await withStanding(this.tasks, caller, found);
    const result = partOf(whole, asked);
    const task_log = log && endOfLog(log, replyBytes * LOG_SHARE);
    const answer = { ...result, ...standing, ...(task_log !== undefined && { task_log }) };
    return withExtras(marked(answer, TASK_TEXTS), { whenCut: HOW_TO_READ_ON });
  }

  @Tool({
    name: 'cancel_task',
    description:
      'Stop a task that has not ended. What it has done stays done, and it cannot be resumed, only run anew. A task that has ended before stays as it is, without an error: task_status, where given, is the state after the call; completed or failed: nothing was cancelled.',
    parameters: advertised(taskInput),
    outputSchema: advertised(cancelTaskOutput),
    annotations: {
      title: 'Cancel a task',
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: true,
      openWorldHint: false,
    },
  })
  @RequiresPermission('run')
  cancelTask(
    @ToolInput(taskInput) { task_id }: TaskInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<CancelAccepted> {
    return this.tasks.cancel(caller, task_id);
  }

  @Tool({
    name: 'stream_task_events',
    description:
      'Wait until a task has ended, or several by task_ids, with progress notifications on the way, and return the tasks without their outputs: then use get_task_result. Use it rather than get_task in a loop. When the time is up first, the tasks go on, and note says how far they are: call again.',
    parameters: advertised(streamTaskEventsInput),
    outputSchema: advertised(streamTaskEventsOutput),
    annotations: { title: 'Follow a task', ...READS },
  })
  @AnswersWithTask(RunTasks)
  @Streaming({ whenLost: goesOn })
  async streamTaskEvents(
    @ToolInput(streamTaskEventsInput) { task_id, task_ids, timeout_seconds }: StreamTaskEventsInput,
    @Ctx() { caller, isProgressWanted, reportProgress, takesTask }: ToolContext,
  ): Promise<object> {
    const report = isProgressWanted ? reportProgress : undefined;
    const usual = isProgressWanted ? WAIT_SECONDS.withProgress : WAIT_SECONDS.silent;
    const seconds = timeout_seconds ?? usual;
    const taskId = oneOf(task_id, task_ids);
    if (taskId !== undefined) {
      if (takesTask) return this.runTasks.ofFollowed(caller, taskId, timeout_seconds ?? 0);
      const task = await followTask(this.tasks, caller, { taskId, seconds, report });
      const answer = isTerminal(task.task_status) ? task : { ...task, note: timeUp(task, seconds) };
      return marked(answer, TASK_TEXTS);
    }
    const taskIds = [...new Set(task_ids)];
    const tasks = await followTasks(this.tasks, caller, { taskIds, seconds, report });
    const answer = { task_list: tasks, note: groupNote(tasks, seconds) };
    return marked(inFormat(answer, 'concise', { key: 'task_list', concise: conciseTask }), LIST_TEXTS);
  }
}

const LIST_TEXTS = itemsOf('task_list', TASK_TEXTS);

/** Part of a reply that the end of a log may take, beside the output. */
const LOG_SHARE = 0.5;

/**
 * The id of the only task; `undefined` for several.
 *
 * @throws {ToolError} unless exactly one of both is given.
 */
function oneOf(taskId: string | undefined, taskIds: readonly string[] | undefined): string | undefined {
  if ((taskId === undefined) === (taskIds === undefined))
    throw new ToolError(
      'Invalid input. Give task_id for one task, or task_ids for several: exactly one of the two.',
    );
  return taskId;
}

/** For a call whose process died: the task does not depend on it. */
function goesOn({ task_id, task_ids }: Readonly<Record<string, unknown>>): string {
  if (Array.isArray(task_ids))
    return 'The tasks go on: call list_tasks to see how they stand, or stream_task_events again.';
  const named = typeof task_id === 'string' ? `task_id ${task_id.slice(0, LONGEST_ID)}` : 'its task_id';
  return `The task goes on: call get_task with ${named}, or stream_task_events again.`;
}
