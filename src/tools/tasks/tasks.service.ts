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
  type TaskResult,
  taskResult,
} from '../../contract/index.js';
import { type Caller, type OnEvent, UpstreamClient } from '../../upstream/index.js';

/** The task endpoints of the Runtime API, one method per endpoint. */
@Injectable()
export class TasksService {
  constructor(private readonly upstream: UpstreamClient) {}

  list(caller: Caller, query: PageQuery & { readonly status?: string | undefined }): Promise<TaskList> {
    return this.upstream.send(caller, {
      operation: 'list tasks',
      method: 'GET',
      path: ['r', 'tasks'],
      query: { ...query },
      answer: taskList,
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
    return this.upstream.send(caller, {
      operation: 'get the result of the task',
      method: 'GET',
      path: ['r', 'tasks', taskId, 'result'],
      answer: taskResult,
      // Numbers in the output of a run keep their exact digits.
      parse: parseExact,
    });
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
