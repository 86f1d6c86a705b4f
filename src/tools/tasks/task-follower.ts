import { setTimeout as delay } from 'node:timers/promises';

import { Injectable } from '@nestjs/common';

import { isTerminal, type Task, type TaskEvent, taskEvent } from '../../contract/index.js';
import { type Caller, Deadline, type ServerSentEvent, UpstreamError } from '../../upstream/index.js';
import { Backoff, isTemporary } from './backoff.js';
import { type Report, TaskProgress } from './task-progress.js';
import { TasksService } from './tasks.service.js';

interface FollowOptions {
  readonly taskId: string;
  /** Longest wait. */
  readonly seconds: number;
  /** Absent when the client does not want progress. */
  readonly report: Report | undefined;
}

/** The state of one call that follows a task. */
interface FollowState {
  readonly caller: Caller;
  readonly taskId: string;
  readonly progress: TaskProgress;
  readonly wantsProgress: boolean;
  readonly backoff: Backoff;
  lastEventId: string | undefined;
  /** Whether the runtime has answered yet; before that, any failure ends the call. */
  hasAnswered: boolean;
}

const noReport: Report = () => Promise.resolve();

/** Follows a task until it ends or the time is up; reconnects to streams that break, and polls in between. */
@Injectable()
export class TaskFollower {
  constructor(private readonly tasks: TasksService) {}

  /** The task when it ended; or as it is when the time is up, with a `note` that says so. */
  async follow(caller: Caller, { taskId, seconds, report }: FollowOptions): Promise<Task> {
    using deadline = new Deadline(caller.signal, seconds * 1000);
    using progress = new TaskProgress(report ?? noReport);
    const state: FollowState = {
      caller: { ...caller, signal: deadline.signal },
      taskId,
      progress,
      wantsProgress: report !== undefined,
      backoff: new Backoff(),
      lastEventId: undefined,
      hasAnswered: false,
    };
    const task = (await this.untilItEnds(state)) ?? (await this.tasks.get(caller, taskId));
    if (!isTerminal(task.task_status)) return { ...task, note: timeUpNote(task, seconds) };
    await progress.ended(task);
    return task;
  }

  /** `undefined` when the time is up, or the caller has aborted. */
  private async untilItEnds(state: FollowState): Promise<Task | undefined> {
    const { signal } = state.caller;
    while (!signal.aborted) {
      await this.subscribe(state);
      const task = await this.poll(state);
      if (task && isTerminal(task.task_status)) return task;
      if (task) await state.progress.polled(task);
      await delay(state.backoff.next(), undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  /** Until the stream reports the end of the task, ends or breaks. The poll that follows finds out why it broke. */
  private async subscribe(state: FollowState): Promise<void> {
    const { caller, taskId, backoff, lastEventId } = state;
    try {
      await this.tasks.events(caller, taskId, (event) => this.onEvent(state, event), lastEventId);
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      backoff.failed(error);
    }
  }

  /** Resolves to whether it was the end of the task. */
  private async onEvent(state: FollowState, { id, event, data }: ServerSentEvent): Promise<boolean> {
    state.hasAnswered = true;
    state.backoff.reset();
    const payload = parsed(data);
    const status = payload.status ?? event;
    if (isTerminal(event) || (event === 'status' && isTerminal(status))) return true;
    if (event === 'progress') await state.progress.advanced(payload);
    if (event === 'status') {
      await state.progress.changed(status, await this.withAgent(state, payload), id !== undefined);
    }
    state.lastEventId = id ?? state.lastEventId;
    return false;
  }

  /** Adds the agent that runs the task, for people; not every deployment names it in the stream. */
  private async withAgent(state: FollowState, event: TaskEvent): Promise<TaskEvent> {
    if (!state.wantsProgress || event.status !== 'running' || event.agent_id) return event;
    return { ...event, agent_id: (await this.poll(state))?.agent_id };
  }

  /** The task as it is; `undefined` while the runtime has a failure that may be temporary. */
  private async poll(state: FollowState): Promise<Task | undefined> {
    try {
      const task = await this.tasks.get(state.caller, state.taskId);
      state.hasAnswered = true;
      return task;
    } catch (error) {
      if (!(error instanceof UpstreamError) || !this.isTolerable(state, error)) throw error;
      state.backoff.failed(error);
      return undefined;
    }
  }

  private isTolerable({ caller, hasAnswered }: FollowState, error: UpstreamError): boolean {
    return caller.signal.aborted || (hasAnswered && isTemporary(error));
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
