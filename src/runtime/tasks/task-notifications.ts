import { type BeforeApplicationShutdown, Injectable, type OnModuleInit } from '@nestjs/common';

import type { TaskEventName, TaskState } from '../../contract/index.js';
import { Database } from '../database/index.js';
import type { WorkRequirement } from '../engine/index.js';

/** Notification of a new event. */
export interface TaskNotification {
  readonly task_id: string;
  readonly sequence: number;
  readonly event: TaskEventName;
  /** Status of the task at that time. */
  readonly status: TaskState;
  /** The queue of a task that can be claimed; `null` when its labels are too long for a notification. */
  readonly queue?: WorkRequirement | null;
  /** The data of the event as JSON; `null` when it is too large for a notification, and is read from its row. */
  readonly data: string | null;
}

export interface TaskListener {
  /** More of the log of the task is stored; for those that follow one task. */
  readonly logged?: () => void;
  readonly notified: (notification: TaskNotification) => void;
  /** Notifications were lost: look at the rows. */
  readonly missed: () => void;
}

/** Forwards the notifications of the database about tasks, from every process. */
@Injectable()
export class TaskNotifications implements OnModuleInit, BeforeApplicationShutdown {
  private readonly listeners = new Set<TaskListener>();
  private readonly followers = new Map<string, Set<TaskListener>>();
  private stops: (() => Promise<void>)[] = [];

  constructor(private readonly database: Database) {}

  async onModuleInit(): Promise<void> {
    const missed = (): void => {
      for (const listener of this.listeners) listener.missed();
      for (const all of this.followers.values()) for (const listener of all) listener.missed();
    };
    const events = (payload: string): void => {
      const notification = JSON.parse(payload) as TaskNotification;
      for (const { notified } of this.listeners) notified(notification);
      for (const { notified } of this.followers.get(notification.task_id) ?? []) notified(notification);
    };
    // The ids of the tasks of one write.
    const logs = (payload: string): void => {
      for (const id of payload.split(',')) for (const { logged } of this.followers.get(id) ?? []) logged?.();
    };
    this.stops = [
      await this.database.listen('task_event', { notified: events, missed }),
      await this.database.listen('task_log', { notified: logs, missed }),
    ];
  }

  /** Calls back for every notification; returns a function that unsubscribes. */
  subscribe(listener: TaskListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The same for those of one task. */
  follow(taskId: string, listener: TaskListener): () => void {
    const all = this.followers.get(taskId) ?? new Set();
    this.followers.set(taskId, all.add(listener));
    return () => {
      all.delete(listener);
      if (all.size === 0) this.followers.delete(taskId);
    };
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.listeners.clear();
    this.followers.clear();
    for (const stop of this.stops) await stop();
  }
}

/** Wakes one waiter; a notification that arrives while nothing waits is kept. */
export class EventSignal {
  private next = Promise.withResolvers<boolean>();

  constructor(private readonly over: AbortSignal) {
    over.addEventListener('abort', () => this.next.resolve(false), { once: true });
  }

  get isOver(): boolean {
    return this.over.aborted;
  }

  notify(): void {
    this.next.resolve(true);
  }

  /** Waits for a notification; `false` after the timeout, or when it is over. For one waiter at a time. */
  async wait(timeoutMs: number): Promise<boolean> {
    if (this.isOver) return false;
    const timer = setTimeout(() => this.next.resolve(false), timeoutMs);
    const wasNotified = await this.next.promise;
    clearTimeout(timer);
    this.next = Promise.withResolvers();
    return wasNotified;
  }
}
