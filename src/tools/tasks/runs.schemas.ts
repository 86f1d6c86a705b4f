import { z } from 'zod';

import { runAccepted, taskResult } from '../../contract/index.js';
import { id, outputOf, textOf } from '../tool-definition.js';
import { workflowIdInput, workflowSlugInput } from '../workflow-names.js';

/** Longest wait of a run: many clients end a call that is silent for 60 s. */
const WAIT_LIMIT_SECONDS = 45;

const runArguments = {
  body: z
    .looseObject({})
    .default({})
    .describe(
      "Values by the key of each of the workflow's parameters (get_workflow lists them); a file parameter takes a file_key of presign_file_upload or get_task_result. {parameters: {...}} with run options beside it works too",
    ),
  wait_seconds: z
    .number()
    .int()
    .min(0)
    .max(WAIT_LIMIT_SECONDS)
    .optional()
    .describe('Wait up to so many seconds for the end and return the result; default 0: return at once'),
  idempotency_key: textOf(
    z.string().regex(/^[\x20-\x7e]{1,255}$/),
    'must have 1 to 255 printable ASCII characters, for example a UUID',
  )
    .optional()
    .describe(
      'A new value of yours per run, e.g. a UUID; calling again with it gives the first task, for 24 h',
    ),
  like_task_id: id
    .optional()
    .describe('Take the parameters of this earlier task of the workflow; those in body override single ones'),
};

export const runWorkflowInput = z.object({
  workflow_id: workflowIdInput('run_workflow_by_slug'),
  ...runArguments,
});
export type RunWorkflowInput = z.infer<typeof runWorkflowInput>;

export const runWorkflowBySlugInput = z.object({ workflow_slug: workflowSlugInput, ...runArguments });
export type RunWorkflowBySlugInput = z.infer<typeof runWorkflowBySlugInput>;

/** The arguments of a run beside the workflow. */
export type RunArguments = Omit<RunWorkflowInput, 'workflow_id'>;

const { task_status, task_output, download_urls, task_error } = taskResult.out.shape;
export const runOutput = outputOf(runAccepted, {
  task_status,
  task_output,
  download_urls,
  task_error,
  note: z.string().describe('What to do next'),
});
