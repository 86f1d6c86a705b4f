import { z } from 'zod';

import {
  presignedUpload,
  presignRequest,
  runAccepted,
  workflow,
  workflowList,
} from '../../contract/index.js';
import { idOr, outputOf, type PageInput, pageInput, textOf } from '../tool-definition.js';

const slug = textOf(
  z
    .string()
    .max(200)
    .regex(/^[A-Za-z0-9][\w.-]*(@[\w.-]+)?$/),
  'must be a slug such as text-to-image, or slug@version such as text-to-image@2',
);

const workflowIdOr = (slugTool: string) =>
  idOr(`for a slug call ${slugTool}`).describe('id from list_workflows');
const workflowSlug = slug.describe('workflow_slug from list_workflows, or slug@version for an older version');
const runBody = z
  .looseObject({})
  .default({})
  .describe(
    "Values by the key of each of the workflow's parameters (get_workflow lists them); a file parameter takes a file_key from presign_file_upload. {parameters: {...}} with run options beside it works too",
  );

export const listWorkflowsInput = pageInput;
export type ListWorkflowsInput = PageInput;
export const listWorkflowsOutput = outputOf(workflowList);

export const getWorkflowInput = z.object({ workflow_id: workflowIdOr('get_workflow_by_slug') });
export type GetWorkflowInput = z.infer<typeof getWorkflowInput>;
export const workflowOutput = outputOf(workflow);

export const getWorkflowBySlugInput = z.object({ workflow_slug: workflowSlug });
export type GetWorkflowBySlugInput = z.infer<typeof getWorkflowBySlugInput>;

const { file_name, file_size, content_type } = presignRequest.shape;
export const presignFileUploadInput = z.object({
  body: z
    .object({
      file_name: file_name.describe('Name with extension'),
      file_size: file_size.describe('Exact size in bytes'),
      content_type: content_type.describe('MIME type, e.g. image/png'),
    })
    .describe('The file to be uploaded'),
});
export type PresignFileUploadInput = z.infer<typeof presignFileUploadInput>;
export const presignFileUploadOutput = outputOf(presignedUpload);

export const runWorkflowInput = z.object({
  workflow_id: workflowIdOr('run_workflow_by_slug'),
  body: runBody,
});
export type RunWorkflowInput = z.infer<typeof runWorkflowInput>;
export const runOutput = outputOf(runAccepted);

export const runWorkflowBySlugInput = z.object({ workflow_slug: workflowSlug, body: runBody });
export type RunWorkflowBySlugInput = z.infer<typeof runWorkflowBySlugInput>;
