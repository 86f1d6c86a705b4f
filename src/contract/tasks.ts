import { z } from 'zod';

import { listOf } from './common.js';

/** States that a list of tasks can be filtered by; responses may hold others, which are not terminal. */
export const TASK_STATES = [
  'pending',
  'waiting',
  'queued',
  'running',
  'completed',
  'failed',
  'cancelled',
] as const;
export type TaskState = (typeof TASK_STATES)[number];

const TERMINAL_STATES: ReadonlySet<string> = new Set<TaskState>(['completed', 'failed', 'cancelled']);

/** Whether a task in this state will never change again. An unknown state is not terminal. */
export const isTerminal = (state: string): boolean => TERMINAL_STATES.has(state);

/** Renames `status`, which some deployments use, to `task_status`. */
const withTaskStatus = (answer: unknown): unknown => {
  if (typeof answer !== 'object' || answer === null || 'task_status' in answer || !('status' in answer))
    return answer;
  const { status, ...rest } = answer;
  return { ...rest, task_status: status };
};

const taskFields = z.looseObject({
  id: z.string(),
  workflow_id: z.string().optional(),
  workflow_slug: z.string().nullish(),
  task_status: z.string(),
  /** Why it waits or stands still, at the time of reading. */
  status_reason: z.string().nullish(),
  /** Of a task that waits to be repeated: the error of its last run. */
  last_error: z.string().nullish(),
  /** What the run has reported last. */
  progress: z.looseObject({}).nullish(),
  /** Absent in lists. */
  parameters: z.looseObject({}).nullish(),
  created_at: z.string().optional(),
  task_error: z.string().nullish(),
  retry_count: z.number().nullish(),
  started_at: z.string().nullish(),
  completed_at: z.string().nullish(),
  agent_id: z.string().nullish(),
});
export const task = z.preprocess(withTaskStatus, taskFields);
export type Task = z.infer<typeof task>;

export const taskList = listOf('task_list', task);
export type TaskList = z.infer<typeof taskList>;

export const taskResult = z.preprocess(
  withTaskStatus,
  z.looseObject({
    id: z.string(),
    task_status: z.string().optional(),
    task_output: z.unknown().optional(),
    download_url: z.string().nullish(),
    download_urls: z.record(z.string(), z.string()).nullish(),
    /** By the names of download_urls, what a file parameter of another run takes. */
    file_keys: z
      .record(z.string(), z.string())
      .nullish()
      .describe('By name: the file_key that a file parameter of another run takes'),
    expires_at: z.string().nullish(),
    task_error: z.string().nullish(),
    /** Sentences about outputs that were changed or not kept. */
    task_warnings: z.array(z.string()).nullish(),
    /** The last lines of the output of the last run. */
    task_log: z.string().nullish(),
    completed_at: z.string().nullish(),
  }),
);
export type TaskResult = z.infer<typeof taskResult>;

/** A line of the log of a task. */
export const taskLogLine = z.looseObject({
  /** Its place in the log of the task; lines after it follow with this `cursor`. */
  cursor: z.string(),
  /** The run that wrote it, from 1. */
  attempt: z.number(),
  step: z.string(),
  /** `stdout`, `stderr`, or `system`: a note of agent or runtime. */
  stream: z.string(),
  timestamp: z.string(),
  text: z.string(),
});
export type TaskLogLine = z.infer<typeof taskLogLine>;

export const taskLog = z.looseObject({
  task_id: z.string(),
  task_status: z.string(),
  log_list: z.array(taskLogLine),
  page_meta: z.looseObject({
    /** Continues behind this page, also when more is written later; null while nothing was written. */
    next_cursor: z.string().nullable(),
    /** Whether there is more now. */
    has_more: z.boolean(),
  }),
});
export type TaskLog = z.infer<typeof taskLog>;

export const cancelAccepted = z.looseObject({
  is_success: z.boolean().optional(),
  /** The state after the call: that of a task which had ended before stays. Not every Runtime API says it. */
  task_status: z.string().optional(),
});
export type CancelAccepted = z.infer<typeof cancelAccepted>;

/** Names of the server-sent events of a task; `error` is not terminal. */
export const TASK_EVENTS = ['status', 'progress', 'completed', 'failed', 'cancelled', 'error'] as const;
export type TaskEventName = (typeof TASK_EVENTS)[number];

/** Payload of every event: all fields except the task's id depend on the event. */
export const taskEvent = z.looseObject({
  task_id: z.string().optional(),
  status: z.string().optional(),
  timestamp: z.string().optional(),
  progress: z.number().optional(),
  current_node: z.string().nullish(),
  step_current: z.number().nullish(),
  step_total: z.number().nullish(),
  stage: z.string().nullish(),
  message: z.string().nullish(),
  agent_id: z.string().nullish(),
  output: z.unknown().optional(),
  error: z.string().nullish(),
});
export type TaskEvent = z.infer<typeof taskEvent>;
