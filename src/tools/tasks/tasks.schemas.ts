import { z } from 'zod';

import { cancelAccepted, task, TASK_STATES, taskResult } from '../../contract/index.js';
import { responseFormat } from '../concise.js';
import { id, listOutputOf, outputOf, type PageInput, pageInput, textOf } from '../tool-definition.js';
import { untrustedField } from '../untrusted.js';

const WAIT_LIMIT_SECONDS = 3600;
/** How long to follow a task unless a client says. Many clients end a silent call after 60 s. */
export const WAIT_SECONDS = { withProgress: 300, silent: 50 } as const;

const taskId = id.describe('task_id from run_workflow, or id from list_tasks');

export const listTasksInput = pageInput.extend({
  status: z.enum(TASK_STATES).optional().describe('Only tasks in this state'),
  statuses: z.array(z.enum(TASK_STATES)).optional().describe('In place of status: in any of these states'),
  workflow_slug: z.string().max(100).optional().describe('Only runs of this workflow, of any version'),
  created_after: textOf(
    z.iso.datetime({ offset: true }),
    'must be a time with a zone, such as 2026-01-31T08:00:00Z',
  )
    .optional()
    .describe('Only tasks from this time on, e.g. 2026-01-31T08:00:00Z'),
  response_format: responseFormat,
});
export type ListTasksInput = PageInput & z.infer<typeof listTasksInput>;
export const listTasksOutput = listOutputOf('task_list', untrustedField);

export const taskInput = z.object({ task_id: taskId });
export type TaskInput = z.infer<typeof taskInput>;
export const taskOutput = outputOf(task, untrustedField);
export const taskResultInput = taskInput.extend({
  output_path: z
    .string()
    .max(1000)
    .optional()
    .describe('JSON Pointer: only this part of task_output, e.g. /rows/3'),
  output_offset: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('Skip so many items, entries or characters of that part'),
  files_offset: z.number().int().min(0).optional().describe('Skip so many files; each reply has up to 50'),
  log_tail: z
    .number()
    .int()
    .min(0)
    .max(200)
    .optional()
    .describe('Give the last lines of the log as task_log, so many; default 0'),
});
export type TaskResultInput = z.infer<typeof taskResultInput>;
export const taskResultOutput = outputOf(taskResult, {
  ...untrustedField,
  note: z.string().describe('What to do: before the end, or when something was left out'),
});
export const cancelTaskOutput = outputOf(cancelAccepted);

/** Tasks that one call follows; each is a stream from the runtime. */
const MOST_FOLLOWED = 20;

export const streamTaskEventsInput = z.object({
  task_id: taskId.optional(),
  task_ids: z
    .array(id)
    // Not minItems and maxItems, which some clients refuse.
    .refine(({ length }) => length >= 1 && length <= MOST_FOLLOWED, `must name 1 to ${MOST_FOLLOWED} tasks`)
    .optional()
    .describe(`In place of task_id: up to ${MOST_FOLLOWED} tasks; returns when all have ended`),
  timeout_seconds: z
    .number()
    .int()
    .min(1)
    .max(WAIT_LIMIT_SECONDS)
    .optional()
    .describe(
      `Longest wait; default ${WAIT_SECONDS.withProgress} for a client that takes progress, else ${WAIT_SECONDS.silent}`,
    ),
});
export type StreamTaskEventsInput = z.infer<typeof streamTaskEventsInput>;
export const streamTaskEventsOutput = outputOf(task, {
  ...untrustedField,
  task_list: z.array(z.looseObject({})).describe('With task_ids: each task, in short'),
  note: z.string().describe('How things stand, and what to call next'),
});
