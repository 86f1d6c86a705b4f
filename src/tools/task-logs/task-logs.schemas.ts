import { z } from 'zod';

import { LOG_STREAMS } from '../../contract/index.js';
import { id, outputOf, textOf } from '../tool-definition.js';
import { untrustedField } from '../untrusted.js';

const LONGEST_TAIL = 1000;
export const DEFAULT_TAIL = 100;

export const getTaskLogInput = z.object({
  task_id: id.describe('task_id from run_workflow, or id from list_tasks'),
  tail: z
    .number()
    .int()
    .min(1)
    .max(LONGEST_TAIL)
    .optional()
    .describe(`The last lines, so many; default ${DEFAULT_TAIL}`),
  cursor: textOf(
    z.string().regex(/^\d{1,9}\.\d{1,15}$/),
    'must be a next_cursor of get_task_log, or 0.0 for the beginning',
  )
    .optional()
    .describe(
      'In place of tail: the lines after next_cursor of an earlier answer; 0.0 begins at the first line',
    ),
  contains: z.string().min(1).max(200).optional().describe('Only lines with this text; case does not matter'),
  stream: z
    .enum(LOG_STREAMS)
    .optional()
    .describe('Only lines of this stream; system has notes of agent and runtime'),
});
export type GetTaskLogInput = z.infer<typeof getTaskLogInput>;

export const logPassage = z.looseObject({
  attempt: z.number(),
  step: z.string(),
  stream: z.string(),
  since: z.string().describe('When its first line was written'),
  text: z.string(),
});
export type LogPassage = z.infer<typeof logPassage>;

export const getTaskLogOutput = outputOf(
  z.object({
    task_id: z.string(),
    task_status: z.string(),
    log: z.array(logPassage).describe('Consecutive lines of one attempt, step and stream'),
    next_cursor: z.string().nullable().describe('Continues after the last line here'),
    has_more: z.boolean().describe('More lines follow now'),
    note: z.string().describe('What is missing, and how to get it'),
  }),
  untrustedField,
);
