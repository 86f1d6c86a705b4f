import { z } from 'zod';

import { runAccepted, taskResult } from '../../contract/index.js';
import { id, outputOf, RUN_WAIT_SECONDS, textOf } from '../tool-definition.js';
import { untrustedField } from '../untrusted.js';
import { workflowIdInput, workflowSlugInput } from '../workflow-names.js';

const CODE_WANTED =
  'must be the code in the refusal of this very run; leave it out to get one, and ask the user';

const runArguments = {
  body: z
    .looseObject({})
    .default({})
    .describe("Values of the workflow's parameters, by key; a file parameter takes a file_key"),
  wait_seconds: z
    .number()
    .int()
    .min(0)
    .max(RUN_WAIT_SECONDS)
    .optional()
    .describe('Wait so long for the end, to return the result; default 0'),
  idempotency_key: textOf(
    z.string().regex(/^[\x20-\x7e]{1,255}$/),
    'must have 1 to 255 printable ASCII characters, for example a UUID',
  )
    .optional()
    .describe('A new value for each run, e.g. a UUID; for 24 h the same one gives the first task'),
  confirm: z
    .string(CODE_WANTED)
    .refine((code) => /^[\w-]{1,100}$/.test(code), CODE_WANTED)
    .optional()
    .describe('Code from a refusal that asks for it, once the user has agreed'),
  like_task_id: id.optional().describe("Take this task's parameters; body overrides single ones"),
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
  ...untrustedField,
  task_status,
  task_output,
  download_urls,
  task_error,
  note: z.string().describe('What to do next'),
});
