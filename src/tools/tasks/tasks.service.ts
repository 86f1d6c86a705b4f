import { Injectable } from '@nestjs/common';

import {
  type CancelAccepted,
  cancelAccepted,
  type PageQuery,
  parseExact,
  type Task,
  task,
  type TaskList,
  taskList,
  type TaskLogLine,
  type TaskResult,
  type TaskState,
} from '../../contract/index.js';
import { type Caller, type OnEvent, UpstreamClient } from '../../upstream/index.js';
import { taskLogRequest, taskResultRequest } from '../task-requests.js';

interface TaskQuery extends PageQuery {
  /** None of them means all. */
  readonly states?: readonly TaskState[];
  readonly workflow_slug?: string | undefined;
  /** ISO 8601 with a zone. */
  readonly created_after?: string | undefined;
}

const FILTERS = {
  feature: 'task-filters',
  otherwise:
    'This Runtime API filters tasks by one status only. Leave workflow_slug and created_after out, give one status, and look through the pages.',
} as const;

const NO_LOGS =
  'This Runtime API keeps no logs that can be read here. Leave log_tail out; task_error says why a task failed.';

/** The task endpoints of the Runtime API, one method per endpoint. */
@Injectable()
export class TasksService {
  constructor(private readonly upstream: UpstreamClient) {}

  list(caller: Caller, { states = [], ...query }: TaskQuery): Promise<TaskList> {
    const isFiltered = query.workflow_slug !== undefined || query.created_after !== undefined;
    return this.upstream.send(caller, {
      operation: 'list tasks',
      method: 'GET',
      path: ['r', 'tasks'],
      query: { ...query, ...(states.length > 0 && { status: states.join(',') }) },
      answer: taskList,
      parse: parseExact,
      ...((isFiltered || states.length > 1) && { needs: [FILTERS] }),
    });
  }

  get(caller: Caller, taskId: string): Promise<Task> {
    return this.upstream.send(caller, {
      operation: 'get the task',
      method: 'GET',
      path: ['r', 'tasks', taskId],
      answer: task,
      // So that its parameters keep the digits of long numbers.
      parse: parseExact,
    });
  }

  result(caller: Caller, taskId: string): Promise<TaskResult> {
    return this.upstream.send(caller, taskResultRequest(taskId));
  }

  /** The last lines of the log, so many. */
  async logTail(caller: Caller, taskId: string, tail: number): Promise<readonly TaskLogLine[]> {
    const { log_list } = await this.upstream.send(caller, taskLogRequest(taskId, { tail }, NO_LOGS));
    return log_list;
  }

  cancel(caller: Caller, taskId: string): Promise<CancelAccepted> {
    return this.upstream.send(caller, {
      operation: 'cancel the task',
      method: 'POST',
      path: ['r', 'tasks', taskId, 'cancel'],
      answer: cancelAccepted,
      whenUnsure: 'The task may be cancelled; asking again is safe.',
    });
  }

  /** Resolves at the end of the stream, or when `onEvent` resolves to true. */
  events(caller: Caller, taskId: string, onEvent: OnEvent, lastEventId?: string): Promise<void> {
    const path = ['r', 'tasks', taskId, 'events'];
    return this.upstream.events(caller, { operation: 'follow the task', path, lastEventId }, onEvent);
  }
}
