import { setTimeout as delay } from 'node:timers/promises';

import { Injectable } from '@nestjs/common';

import { isTerminal, type Task, type TaskEvent, taskEvent } from '../../../contract/index.js';
import { type Caller, Deadline, type ServerSentEvent, UpstreamError } from '../../../upstream/index.js';
import { TasksService } from '../tasks.service.js';
import { Backoff, isPassing } from './backoff.js';
import { type Report, TaskProgress } from './task-progress.js';

interface Wish {
  readonly taskId: string;
  /** Longest wait. */
  readonly seconds: number;
  /** Absent: the client does not want to hear of progress. */
  readonly report: Report | undefined;
}

/** One task being followed. */
interface Pursuit {
  readonly caller: Caller;
  readonly taskId: string;
  readonly progress: TaskProgress;
  readonly wantsProgress: boolean;
  readonly backoff: Backoff;
  lastEventId: string | undefined;
  /** Whether the runtime has told anything yet; before that, a failure is the answer. */
  hasAnswered: boolean;
}

const nobody: Report = () => Promise.resolve();

/** Stays with a task until it ends or the time is up, over streams that break. */
@Injectable()
export class TaskFollower {
  constructor(private readonly tasks: TasksService) {}

  /** The task when it ended; or as it is when the time is up, with a `note` that says so. */
  async follow(caller: Caller, { taskId, seconds, report }: Wish): Promise<Task> {
    using time = new Deadline(caller.signal, seconds * 1000);
    using progress = new TaskProgress(report ?? nobody);
    const pursuit: Pursuit = {
      caller: { ...caller, signal: time.signal },
      taskId,
      progress,
      wantsProgress: report !== undefined,
      backoff: new Backoff(),
      lastEventId: undefined,
      hasAnswered: false,
    };
    const task = (await this.untilItEnds(pursuit)) ?? (await this.tasks.get(caller, taskId));
    if (!isTerminal(task.task_status)) return { ...task, note: stillGoing(task, seconds) };
    await progress.ended(task);
    return task;
  }

  /** `undefined` when the time is up, or the caller has gone. */
  private async untilItEnds(pursuit: Pursuit): Promise<Task | undefined> {
    const { signal } = pursuit.caller;
    while (!signal.aborted) {
      await this.listen(pursuit);
      const task = await this.look(pursuit);
      if (task && isTerminal(task.task_status)) return task;
      if (task) await pursuit.progress.looked(task);
      await delay(pursuit.backoff.next(), undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  /** Until the stream tells the end, ends or breaks. Why it broke is for the look that follows to find out. */
  private async listen(pursuit: Pursuit): Promise<void> {
    const { caller, taskId, backoff, lastEventId } = pursuit;
    try {
      await this.tasks.events(caller, taskId, (event) => this.hear(pursuit, event), lastEventId);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      backoff.failed(error);
    }
  }

  /** Resolves to whether it was the end. */
  private async hear(pursuit: Pursuit, { id, event, data }: ServerSentEvent): Promise<boolean> {
    pursuit.hasAnswered = true;
    pursuit.backoff.heard();
    const told = parsed(data);
    const status = told.status ?? event;
    if (isTerminal(event) || (event === 'status' && isTerminal(status))) return true;
    if (event === 'progress') await pursuit.progress.advanced(told);
    if (event === 'status') {
      await pursuit.progress.changed(status, await this.withAgent(pursuit, told), id !== undefined);
    }
    pursuit.lastEventId = id ?? pursuit.lastEventId;
    return false;
  }

  /** A person wants to know where a task runs; not every deployment tells it in the stream. */
  private async withAgent(pursuit: Pursuit, event: TaskEvent): Promise<TaskEvent> {
    if (!pursuit.wantsProgress || event.status !== 'running' || event.agent_id) return event;
    return { ...event, agent_id: (await this.look(pursuit))?.agent_id };
  }

  /** The task as it is; `undefined` while the runtime has a failure that may pass. */
  private async look(pursuit: Pursuit): Promise<Task | undefined> {
    try {
      const task = await this.tasks.get(pursuit.caller, pursuit.taskId);
      pursuit.hasAnswered = true;
      return task;
    } catch (error) {
      if (!(error instanceof UpstreamError) || !this.isBearable(pursuit, error)) throw error;
      pursuit.backoff.failed(error);
      return undefined;
    }
  }

  private isBearable({ caller, hasAnswered }: Pursuit, error: UpstreamError): boolean {
    return caller.signal.aborted || (hasAnswered && isPassing(error));
  }
}

/** A payload outside the contract tells nothing; the look that follows will. */
function parsed(data: string): TaskEvent {
  try {
    return taskEvent.safeParse(JSON.parse(data)).data ?? {};
  } catch {
    return {};
  }
}

function stillGoing({ task_status }: Task, seconds: number): string {
  return `Time is up after ${seconds} s and the task is still ${task_status}. It goes on; call stream_task_events again to keep following.`;
}
