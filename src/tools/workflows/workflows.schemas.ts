import { z } from 'zod';

import { presignedUpload, presignRequest, TEXT_FILE_BYTES, workflow } from '../../contract/index.js';
import { responseFormat } from '../concise.js';
import { listOutputOf, outputOf, pageInput } from '../tool-definition.js';
import { workflowIdInput, workflowSlugInput } from '../workflow-names.js';

export const listWorkflowsInput = pageInput.extend({
  query: z.string().max(200).optional().describe('Words that must all occur in slug, title, summary or tags'),
  response_format: responseFormat,
});
export type ListWorkflowsInput = z.infer<typeof listWorkflowsInput>;
export const listWorkflowsOutput = listOutputOf('workflow_list');

export const getWorkflowInput = z.object({ workflow_id: workflowIdInput('get_workflow_by_slug') });
export type GetWorkflowInput = z.infer<typeof getWorkflowInput>;
export const workflowOutput = outputOf(workflow);

export const getWorkflowBySlugInput = z.object({ workflow_slug: workflowSlugInput });
export type GetWorkflowBySlugInput = z.infer<typeof getWorkflowBySlugInput>;

const { file_name, file_size, content_type } = presignRequest.shape;
export const presignFileUploadInput = z.object({
  body: z
    .object({
      file_name: file_name.describe('Name with extension'),
      file_size: file_size.optional().describe('Exact size in bytes; needed unless content_text is there'),
      content_type: content_type.describe('MIME type, e.g. image/png'),
      content_text: z
        .string()
        .refine(
          (text) => Buffer.byteLength(text) <= TEXT_FILE_BYTES,
          `must have at most ${TEXT_FILE_BYTES} bytes; leave it out and upload the file`,
        )
        .optional()
        .describe(
          'The file itself, where it is a text up to 100 KB: it is stored at once, nothing to upload',
        ),
    })
    .refine(({ file_size, content_text }) => file_size !== undefined || content_text !== undefined, {
      error: 'required, the exact size in bytes, unless content_text is there',
      path: ['file_size'],
      // Together with what else is wrong, not only once the rest is right.
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .describe('The file to be uploaded'),
});
export type PresignFileUploadInput = z.infer<typeof presignFileUploadInput>;
export const presignFileUploadOutput = outputOf(presignedUpload, { note: z.string() });
