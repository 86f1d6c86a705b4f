import { setTimeout as delay } from 'node:timers/promises';

import { Backoff, type Caller, isTemporary, UpstreamError } from '../../upstream/index.js';
import { type DetailedTask, hasEnded } from '../protocol/index.js';
import type { FoundTask } from './task-requests.js';

/** Changes within this time make one notification. */
const PAUSE_MS = 100;

/** Reports a task as it is, and again after every change until it has ended. */
export class TaskNews {
  /** Something has changed since the latest read began. */
  private isStale = false;
  private reading: Promise<void> | undefined;
  private shown = '';

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
    // A read that fails for good fails again below, once the task has ended.
    const changed = (): void => void this.refresh().catch(() => undefined);
    await this.persistently(() => provider.watch(this.caller, task.taskId, changed));
    await this.refresh();
  }

  /** Resolves when a read that began after this call is shown; a change during a read causes one more. */
  private refresh(): Promise<void> {
    this.isStale = true;
    this.reading ??= this.readWhileStale();
    return this.reading;
  }

  private async readWhileStale(): Promise<void> {
    const { found, caller } = this;
    const { signal } = caller;
    try {
      while (this.isStale && !signal.aborted) {
        this.isStale = false;
        const task = await this.persistently(() => found.provider.get(caller, found.task.taskId));
        if (task) await this.showIfNew(task);
        await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      this.reading = undefined;
    }
  }

  /** Repeats what fails for a time: no other change may follow the one that it is for. `undefined` after an abort. */
  private async persistently<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    const { signal } = this.caller;
    const backoff = new Backoff();
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof UpstreamError) || !isTemporary(error)) throw error;
        backoff.failed(error);
      }
      await delay(backoff.next(), undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  }

  private async showIfNew(task: DetailedTask): Promise<void> {
    const text = JSON.stringify(task);
    if (text === this.shown || this.caller.signal.aborted) return;
    this.shown = text;
    await this.show(task);
  }
}
