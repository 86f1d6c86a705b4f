import { setTimeout as delay } from 'node:timers/promises';

import type { EventSourceMessage } from 'eventsource-parser';

import { isTerminal, type Task, task, taskEvent } from '../../contract/index.js';
import { type ApiClient, ApiRejection } from './api-client.js';
import { followEvents } from './event-follower.js';
import { parsedText } from './json-text.js';
import type { Progress, ProgressDisplay } from './progress-display.js';

const POLL_MS = 2000;
const NO_STREAM: ReadonlySet<number> = new Set([404, 405, 501]);

export interface Watched {
  readonly taskId: string;
  readonly report: ProgressDisplay;
  readonly signal: AbortSignal;
}

/** Follows a task to its end, and returns it. */
export async function watchTask(api: ApiClient, watched: Watched): Promise<Task> {
  const { taskId, report, signal } = watched;
  const read = (): Promise<Task> =>
    api.send({ path: ['r', 'tasks', taskId], signal }, task).then(({ data }) => data);
  const display = new TaskDisplay(report);
  try {
    await followEvents(api, {
      path: ['r', 'tasks', taskId, 'events'],
      signal,
      onEvent: (event) => display.take(event),
      isOver: async () => isTerminal((await read()).task_status),
      onLost: (reason) => report.say(`${reason} The task goes on; connecting again …`),
    });
  } catch (error) {
    if (!(error instanceof ApiRejection && NO_STREAM.has(error.status))) throw error;
    // Not every Runtime API has the stream.
    for (let now = await read(); !isTerminal(now.task_status); now = await read()) {
      display.show(now.task_status, now.status_reason ?? undefined);
      await delay(POLL_MS, undefined, { signal });
    }
  }
  return read();
}

/** Turns the events of a task into what is shown of it. */
class TaskDisplay {
  private progress: Progress = { status: '' };

  constructor(private readonly report: ProgressDisplay) {}

  /** True for the last event. */
  take({ event = 'message', data }: EventSourceMessage): boolean {
    const { data: fields } = taskEvent.safeParse(parsedText(data));
    if (!fields) return isTerminal(event);
    const status = fields.status ?? (isTerminal(event) ? event : undefined);
    if (event === 'progress') {
      const { progress, step_current: step, step_total: total, message, current_node, stage } = fields;
      const steps = typeof step === 'number' && typeof total === 'number' ? `step ${step}/${total}` : '';
      this.update({
        status: this.progress.status || 'running',
        share: progress,
        details: [steps, message ?? stage ?? current_node ?? ''],
      });
    } else if (status !== undefined && !isTerminal(status)) {
      const agent = fields.agent_id ? `on ${fields.agent_id}` : '';
      this.show(status, fields.message ?? agent);
    }
    return isTerminal(status ?? event);
  }

  show(status: string, reason = ''): void {
    if (status === this.progress.status && reason === this.progress.details?.[0]) return;
    this.update({ status, details: [reason] });
  }

  private update(progress: Progress): void {
    this.progress = { ...progress, details: progress.details?.filter((text) => text !== '') };
    this.report.update(this.progress);
  }
}
