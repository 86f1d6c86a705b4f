import { setTimeout as delay } from 'node:timers/promises';

import { isTerminal, type Task, type TaskEvent, taskEvent } from '../../contract/index.js';
import { type Caller, Deadline, type ServerSentEvent, UpstreamError } from '../../upstream/index.js';
import { Backoff, isTemporary } from './backoff.js';
import { type Report, TaskProgress } from './task-progress.js';
import type { TasksService } from './tasks.service.js';

interface FollowOptions {
  readonly taskId: string;
  /** Longest wait. */
  readonly seconds: number;
  /** Absent when the client does not want progress. */
  readonly report: Report | undefined;
}

/**
 * Follows a task until it ends or the time is up; reconnects to streams that break, and polls in between. Returns the task
 * when it ended; or as it is when the time is up, with a `note` that says so.
 */
export async function followTask(
  tasks: TasksService,
  caller: Caller,
  { taskId, seconds, report }: FollowOptions,
): Promise<Task> {
  using deadline = new Deadline(caller.signal, seconds * 1000);
  using progress = new TaskProgress(report);
  const limited = { ...caller, signal: deadline.signal };
  const ended = await new TaskFollower(tasks, limited, taskId, progress).untilItEnds();
  const task = ended ?? (await tasks.get(caller, taskId));
  if (!isTerminal(task.task_status)) return { ...task, note: timeUpNote(task, seconds) };
  await progress.ended(task);
  return task;
}

class TaskFollower {
  private readonly backoff = new Backoff();
  private lastEventId: string | undefined;
  /** Whether the runtime has answered yet; before that, any failure ends the call. */
  private hasAnswered = false;

  constructor(
    private readonly tasks: TasksService,
    private readonly caller: Caller,
    private readonly taskId: string,
    private readonly progress: TaskProgress,
  ) {}

  /** `undefined` when the time is up, or the caller has aborted. */
  async untilItEnds(): Promise<Task | undefined> {
    const { signal } = this.caller;
    while (!signal.aborted) {
      await this.subscribe();
      const task = await this.poll();
      if (task && isTerminal(task.task_status)) return task;
      if (task) await this.progress.polled(task);
      await delay(this.backoff.next(), undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  /** Until the stream reports the end of the task, ends or breaks. The poll that follows finds out why it broke. */
  private async subscribe(): Promise<void> {
    const { caller, taskId, lastEventId } = this;
    try {
      await this.tasks.events(caller, taskId, (event) => this.onEvent(event), lastEventId);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      this.backoff.failed(error);
    }
  }

  /** Resolves to whether it was the end of the task. */
  private async onEvent({ id, event, data }: ServerSentEvent): Promise<boolean> {
    this.hasAnswered = true;
    this.backoff.reset();
    const payload = parsed(data);
    const status = payload.status ?? event;
    if (isTerminal(event) || (event === 'status' && isTerminal(status))) return true;
    if (event === 'progress') await this.progress.advanced(payload);
    if (event === 'status') {
      await this.progress.changed(status, await this.withAgent(payload), id !== undefined);
    }
    this.lastEventId = id ?? this.lastEventId;
    return false;
  }

  /** Adds the agent that runs the task, for people; not every deployment names it in the stream. */
  private async withAgent(event: TaskEvent): Promise<TaskEvent> {
    if (!this.progress.isWanted || event.status !== 'running' || event.agent_id) return event;
    return { ...event, agent_id: (await this.poll())?.agent_id };
  }

  /** The task as it is; `undefined` while the runtime has a failure that may be temporary. */
  private async poll(): Promise<Task | undefined> {
    try {
      const task = await this.tasks.get(this.caller, this.taskId);
      this.hasAnswered = true;
      return task;
    } catch (error) {
      if (!(error instanceof UpstreamError) || !this.isTolerable(error)) throw error;
      this.backoff.failed(error);
      return undefined;
    }
  }

  private isTolerable(error: UpstreamError): boolean {
    return this.caller.signal.aborted || (this.hasAnswered && isTemporary(error));
  }
}

/** A payload outside the contract is ignored; the poll that follows gets the state. */
function parsed(data: string): TaskEvent {
  try {
    return taskEvent.safeParse(JSON.parse(data)).data ?? {};
  } catch {
    return {};
  }
}

function timeUpNote({ task_status }: Task, seconds: number): string {
  return `Time is up after ${seconds} s and the task is still ${task_status}. It goes on; call stream_task_events again to keep following.`;
}
