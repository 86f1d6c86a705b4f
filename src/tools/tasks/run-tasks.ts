import { Injectable } from '@nestjs/common';

import { isTerminal, type RunAccepted, type Task, taskEvent } from '../../contract/index.js';
import { createdTask, type DetailedTask, TaskProvider } from '../../mcp/index.js';
import { type Caller, Deadline, UpstreamError } from '../../upstream/index.js';
import { marked, TASK_TEXTS } from '../untrusted.js';
import { resultOfRun } from './run-wait.js';
import { TaskFollower } from './task-follower.js';
import { handleOf, handleId, limitOf, type TaskHandle, timeLeft } from './task-handle.js';
import { progressMessage } from './task-progress.js';
import { standingFields, standingOf } from './task-standing.js';
import { TasksService } from './tasks.service.js';

/** How often a client should ask: a young task often ends soon. */
const POLL_MS = { young: 1000, old: 5000 } as const;
const YOUNG_MS = 60_000;
/** The longest time of a timer. */
const LONGEST_MS = 2_147_483_647;

/**
 * Tasks of the Runtime API as tasks of the Tasks extension. The runtime's task is all the state there is, and the runtime
 * decides for the key of each request.
 */
@Injectable()
export class RunTasks extends TaskProvider {
  constructor(private readonly tasks: TasksService) {
    super();
  }

  owns(id: string): boolean {
    return handleOf(id) !== undefined;
  }

  async get(caller: Caller, id: string): Promise<DetailedTask | undefined> {
    const handle = handleOf(id);
    return handle && this.detailed(caller, handle, await this.tasks.get(caller, handle.taskId));
  }

  /** The runtime asks its clients nothing. */
  update(): Promise<void> {
    return Promise.resolve();
  }

  async cancel(caller: Caller, id: string): Promise<void> {
    const handle = handleOf(id);
    if (handle && !handle.isFollowed) await this.tasks.cancel(caller, handle.taskId);
  }

  async watch(caller: Caller, id: string, onChange: () => void): Promise<void> {
    const handle = handleOf(id);
    if (!handle) return;
    using deadline = new Deadline(caller.signal, Math.min(timeLeft(handle), LONGEST_MS));
    const changed = (): Promise<void> => Promise.resolve(onChange());
    const listener = { isWanted: false, changed, advanced: changed, polled: changed };
    await new TaskFollower(
      this.tasks,
      { ...caller, signal: deadline.signal },
      handle.taskId,
      listener,
    ).untilItEnds();
  }

  /**
   * The answer for a run that has just been submitted.
   *
   * @param seconds after which the task ends with the run as it is; 0 for no limit.
   */
  async ofRun(caller: Caller, { task_id: taskId }: RunAccepted, seconds: number): Promise<object> {
    const handle = { taskId, isFollowed: false, ...limitOf(seconds) };
    try {
      return await this.created(caller, handle);
    } catch (error) {
      // The run has started: an error would hide that.
      if (error instanceof UpstreamError)
        return createdTask(working(handle, { id: taskId, task_status: 'pending' }));
      throw error;
    }
  }

  /** The answer for a caller that wants to follow a task. */
  ofFollowed(caller: Caller, taskId: string, seconds: number): Promise<object> {
    return this.created(caller, { taskId, isFollowed: true, ...limitOf(seconds) });
  }

  private async created(caller: Caller, handle: TaskHandle): Promise<object> {
    const task = await this.tasks.get(caller, handle.taskId);
    return createdTask(await this.detailed(caller, handle, task));
  }

  private async detailed(caller: Caller, handle: TaskHandle, task: Task): Promise<DetailedTask> {
    const now = working(handle, task);
    if (!isTerminal(task.task_status))
      return timeLeft(handle) === 0 ? { ...now, status: 'completed', result: unfinished(handle, task) } : now;
    if (handle.isFollowed) return { ...now, status: 'completed', result: marked(task, TASK_TEXTS) };
    // What has ended by its limit stays completed, and what was cancelled before it stays cancelled.
    if (task.task_status === 'cancelled' && hasEndedInTime(handle, task))
      return { ...now, status: 'cancelled' };
    const result = await resultOfRun(this.tasks, caller, { task_id: handle.taskId });
    return { ...now, status: 'completed', result };
  }
}

/** Whether the run ended before the limit of its handle, if that has one. */
const hasEndedInTime = ({ until = Infinity }: TaskHandle, { completed_at }: Task): boolean =>
  (completed_at ? Date.parse(completed_at) : Date.now()) <= until * 1000;

function working(handle: TaskHandle, task: Task): DetailedTask {
  const { task_status, status_reason, agent_id, progress, started_at, completed_at } = task;
  const createdAt = task.created_at ?? new Date().toISOString();
  const reported = taskEvent.safeParse(progress ?? {}).data ?? {};
  const message = status_reason ?? reported.message;
  const isYoung = Date.now() - Date.parse(createdAt) < YOUNG_MS;
  return {
    taskId: handleId(handle),
    status: 'working',
    statusMessage: progressMessage(task_status, agent_id ?? undefined, { ...reported, message }),
    createdAt,
    lastUpdatedAt: completed_at ?? started_at ?? createdAt,
    // How long a runtime keeps what has ended is its own matter, and months rather than hours.
    ttlMs: null,
    pollIntervalMs: isYoung ? POLL_MS.young : POLL_MS.old,
  };
}

/** The answer when the time is up, as the tool gives it to a client that takes no task. */
function unfinished({ isFollowed, taskId }: TaskHandle, task: Task): object {
  const standing = `Time is up, and the run goes on. It is ${standingOf(task)}.`;
  if (isFollowed) {
    const note = `${standing} To wait on, call stream_task_events again with task_id ${taskId}; cancel_task ends it.`;
    return marked({ ...task, note }, TASK_TEXTS);
  }
  const note = `${standing} To wait on, call stream_task_events with task_id ${taskId}; then call get_task_result.`;
  return marked({ task_id: taskId, ...standingFields(task), note }, TASK_TEXTS);
}
