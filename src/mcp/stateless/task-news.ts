import { setTimeout as delay } from 'node:timers/promises';

import type { Caller } from '../../upstream/index.js';
import { type DetailedTask, hasEnded } from '../protocol/index.js';
import type { FoundTask } from './task-requests.js';

/** Changes within this time make one notification. */
const PAUSE_MS = 100;

/** Reports a task as it is, and again after every change until it has ended. */
export class TaskNews {
  private isStale = false;
  private isReading = false;
  private shown = '';
  private failure: unknown;

  constructor(
    private readonly found: FoundTask,
    private readonly caller: Caller,
    private readonly show: (task: DetailedTask) => Promise<void>,
  ) {}

  /** Rejects when the task cannot be read or watched any longer. */
  async report(): Promise<void> {
    const { provider, task } = this.found;
    // What has changed since the client got its handle would be lost otherwise.
    await this.showIfNew(task);
    if (hasEnded(task)) return;
    await provider.watch(this.caller, task.taskId, () => void this.read().catch(this.fail));
    await this.read();
    if (this.failure !== undefined) throw this.failure;
  }

  private readonly fail = (error: unknown): void => {
    this.failure = error;
  };

  /** A change during a read causes one more. */
  private async read(): Promise<void> {
    const { found, caller } = this;
    this.isStale = true;
    if (this.isReading) return;
    this.isReading = true;
    try {
      while (this.isStale && !caller.signal.aborted) {
        this.isStale = false;
        const task = await found.provider.get(caller, found.task.taskId);
        if (task) await this.showIfNew(task);
        await delay(PAUSE_MS, undefined, { signal: caller.signal }).catch(() => undefined);
      }
    } finally {
      this.isReading = false;
    }
  }

  private async showIfNew(task: DetailedTask): Promise<void> {
    const text = JSON.stringify(task);
    if (text === this.shown || this.caller.signal.aborted) return;
    this.shown = text;
    await this.show(task);
  }
}
