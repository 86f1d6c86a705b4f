import { setTimeout as delay } from 'node:timers/promises';

import { isTerminal, type Task, type TaskEvent, taskEvent } from '../../contract/index.js';
import {
  Backoff,
  type Caller,
  Deadline,
  isTemporary,
  type ServerSentEvent,
  UpstreamError,
} from '../../upstream/index.js';
import { GroupProgress } from './group-progress.js';
import { ProgressReports, type ProgressTarget, type Report, TaskProgress } from './task-progress.js';
import type { TasksService } from './tasks.service.js';

interface FollowOptions {
  /** Longest wait. */
  readonly seconds: number;
  /** Absent when the client does not want progress. */
  readonly report: Report | undefined;
}

/** Follows a task until it ends or the time is up; returns it as it is then. */
export async function followTask(
  tasks: TasksService,
  caller: Caller,
  { taskId, seconds, report }: FollowOptions & { readonly taskId: string },
): Promise<Task> {
  using deadline = new Deadline(caller.signal, seconds * 1000);
  using progress = new ProgressReports(report);
  // Awaited here: both are used until then.
  return await follow({ tasks, caller, taskId, deadline, progress });
}

/**
 * As {@link followTask}, for several tasks at the same time, until all of them have ended; in the order of their ids.
 *
 * @throws {UpstreamError} of the first task that cannot be followed, with its id.
 */
export async function followTasks(
  tasks: TasksService,
  caller: Caller,
  { taskIds, seconds, report }: FollowOptions & { readonly taskIds: readonly string[] },
): Promise<Task[]> {
  const failure = new AbortController();
  const all = { ...caller, signal: AbortSignal.any([caller.signal, failure.signal]) };
  using deadline = new Deadline(all.signal, seconds * 1000);
  using progress = new GroupProgress(report, taskIds.length);
  const following = taskIds.map((taskId) =>
    follow({ tasks, caller: all, taskId, deadline, progress: progress.of(taskId) }).catch(
      (error: unknown) => {
        failure.abort();
        throw error instanceof UpstreamError ? namingTask(taskId, error) : error;
      },
    ),
  );
  return await Promise.all(following);
}

function namingTask(taskId: string, { kind, body, operation, status, cause }: UpstreamError): UpstreamError {
  const error_message = `Task ${taskId}: ${body.error_message}`;
  return new UpstreamError(kind, { ...body, error_message }, { operation, status, cause: cause as Error });
}

interface FollowedTask {
  readonly tasks: TasksService;
  readonly caller: Caller;
  readonly taskId: string;
  readonly deadline: Deadline;
  readonly progress: ProgressTarget;
}

async function follow({ tasks, caller, taskId, deadline, progress }: FollowedTask): Promise<Task> {
  const limited = { ...caller, signal: deadline.signal };
  const reported = new TaskProgress(progress);
  const ended = await new TaskFollower(tasks, limited, taskId, reported).untilItEnds();
  const task = ended ?? (await tasks.get(caller, taskId));
  if (isTerminal(task.task_status)) await reported.ended(task);
  return task;
}

/** Receives every change of a task. */
export interface FollowListener {
  /** Whether it needs the agent that runs the task, which costs a request. */
  readonly isWanted: boolean;
  changed(status: string, event: TaskEvent, isNumbered: boolean): Promise<void>;
  polled(task: Task): Promise<void>;
  advanced(event: TaskEvent): Promise<void>;
}

/** Reconnects to streams that break, and polls in between. */
export class TaskFollower {
  private readonly backoff = new Backoff();
  private lastEventId: string | undefined;
  /** Whether the runtime has answered yet; before that, any failure ends the call. */
  private hasAnswered = false;

  constructor(
    private readonly tasks: TasksService,
    private readonly caller: Caller,
    private readonly taskId: string,
    private readonly progress: FollowListener,
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
