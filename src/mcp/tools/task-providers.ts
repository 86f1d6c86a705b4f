import { Injectable, SetMetadata, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';

import type { Caller } from '../../upstream/index.js';
import type { DetailedTask } from '../protocol/index.js';

/**
 * Answers requests for the tasks that the tools of a domain have created. Every method is called with the key of the
 * request it serves, by which it decides anew what that caller may see and do: guards of the tools do not run here.
 */
export abstract class TaskProvider {
  /** Whether the id has the form of this provider's; the first one that says so is asked. */
  abstract owns(taskId: string): boolean;

  /** The task as it is; `undefined` when there is none for this caller. */
  abstract get(caller: Caller, taskId: string): Promise<DetailedTask | undefined>;

  /** Takes answers to requests that `get` has just returned, perhaps not to all of them. */
  abstract update(
    caller: Caller,
    taskId: string,
    inputResponses: Readonly<Record<string, unknown>>,
  ): Promise<void>;

  /** Asks a task that has not ended to stop. */
  abstract cancel(caller: Caller, taskId: string): Promise<void>;

  /** Calls back after every change that `get` would show, until the task has ended or the caller's signal is aborted. */
  abstract watch(caller: Caller, taskId: string, onChange: () => void): Promise<void>;
}

/** How a tool answers with tasks. */
export interface TaskSupport {
  readonly provider: Type<TaskProvider>;
  /** It has no other answer: a client that does not take tasks gets an error. */
  readonly isRequired: boolean;
}

const TASK_SUPPORT = 'cyberun:task-support';

/**
 * Marks a tool that may answer with {@link createdTask} where `ToolContext.takesTask`.
 *
 * @param provider of those tasks, from any module.
 */
export const AnswersWithTask = (
  provider: Type<TaskProvider>,
  { isRequired = false }: Partial<Pick<TaskSupport, 'isRequired'>> = {},
): MethodDecorator => SetMetadata(TASK_SUPPORT, { provider, isRequired } satisfies TaskSupport);

/** What the marks of a method say. */
export const taskSupportOf = (method: object): TaskSupport | undefined =>
  Reflect.getMetadata(TASK_SUPPORT, method) as TaskSupport | undefined;

/** The answer of a tool that has created a task: its provider must find the task by now. */
export function createdTask(task: DetailedTask): object {
  const { taskId, status, statusMessage, createdAt, lastUpdatedAt, ttlMs, pollIntervalMs } = task;
  return {
    resultType: 'task',
    taskId,
    status,
    ...(statusMessage !== undefined && { statusMessage }),
    createdAt,
    lastUpdatedAt,
    ttlMs,
    ...(pollIntervalMs !== undefined && { pollIntervalMs }),
  };
}

/** The providers of the tools. */
@Injectable()
export class TaskProviders {
  private readonly providers = new Set<TaskProvider>();

  constructor(private readonly modules: ModuleRef) {}

  /** @throws when the method is that of a tool which answers with tasks, and no module has their provider. */
  addProviderFor(method: object): void {
    const support = taskSupportOf(method);
    if (support) this.providers.add(this.modules.get(support.provider, { strict: false }));
  }

  /** Whether some tool answers with tasks, so that the extension is announced. */
  get isOffered(): boolean {
    return this.providers.size > 0;
  }

  find(taskId: string): TaskProvider | undefined {
    for (const provider of this.providers) if (provider.owns(taskId)) return provider;
    return undefined;
  }
}
