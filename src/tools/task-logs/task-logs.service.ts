import { Injectable } from '@nestjs/common';

import type { LogStream, TaskLog } from '../../contract/index.js';
import { type Caller, UpstreamClient } from '../../upstream/index.js';
import { taskLogRequest } from '../task-requests.js';

/** Most lines of one page of the Runtime API. */
const PAGE_LINES = 1000;
const NO_LOGS =
  'This Runtime API keeps no logs that can be read here. get_task_result has task_error, and task_log where it is kept.';

export interface TaskLogPage {
  /** So many lines from the end, in place of a cursor. */
  readonly tail?: number | undefined;
  readonly cursor?: string | undefined;
  readonly contains?: string | undefined;
  readonly stream?: LogStream | undefined;
}

/** The endpoint of the Runtime API for the log of a task. */
@Injectable()
export class TaskLogsService {
  constructor(private readonly upstream: UpstreamClient) {}

  read(caller: Caller, taskId: string, query: TaskLogPage): Promise<TaskLog> {
    const page = query.tail === undefined ? { ...query, limit: PAGE_LINES } : query;
    return this.upstream.send(caller, taskLogRequest(taskId, page, NO_LOGS));
  }
}
