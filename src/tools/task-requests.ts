import {
  type LogStream,
  parseExact,
  type TaskLog,
  taskLog,
  type TaskResult,
  taskResult,
} from '../contract/index.js';
import type { UpstreamRequest } from '../upstream/index.js';

/** The request for the result of a task, with the links to its outputs. */
export const taskResultRequest = (taskId: string): UpstreamRequest<TaskResult> => ({
  operation: 'get the result of the task',
  method: 'GET',
  path: ['r', 'tasks', taskId, 'result'],
  answer: taskResult,
  // Numbers in the output of a run keep their exact digits.
  parse: parseExact,
});

interface TaskLogQuery {
  /** So many lines from the end. */
  readonly tail?: number | undefined;
  /** Only what follows this line. */
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
  readonly contains?: string | undefined;
  readonly stream?: LogStream | undefined;
}

/** The request for a page of the log of a task. */
export const taskLogRequest = (
  taskId: string,
  query: TaskLogQuery,
  otherwise: string,
): UpstreamRequest<TaskLog> => ({
  operation: 'read the log of the task',
  method: 'GET',
  path: ['r', 'tasks', taskId, 'logs'],
  query: { ...query },
  answer: taskLog,
  needs: [{ feature: 'task-logs', otherwise }],
});
