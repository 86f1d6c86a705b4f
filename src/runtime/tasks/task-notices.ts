import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';

import type { TaskEventName, TaskState } from '../../contract/index.js';
import { Database } from '../database/index.js';

/** That a task has a new event; what it says is read from its row. */
export interface TaskNotice {
  readonly task_id: string;
  readonly sequence: number;
  readonly event: TaskEventName;
  /** Of the task, then. */
  readonly status: TaskState;
}

type Listener = (notice: TaskNotice) => void;

/** Passes on what the database announces about tasks, from whichever process it came. */
@Injectable()
export class TaskNotices implements OnModuleInit, BeforeApplicationShutdown {
  private readonly listeners = new Set<Listener>();
  private stop: (() => Promise<void>) | undefined;

  constructor(private readonly database: Database) {}

  async onModuleInit(): Promise<void> {
    this.stop = await this.database.listen('task_event', (payload) => {
      const notice = JSON.parse(payload) as TaskNotice;
      for (const listener of this.listeners) listener(notice);
    });
  }

  /** Calls back for every notice; returns the way to stop. */
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.listeners.clear();
    await this.stop?.();
  }
}
