import { z } from 'zod';

import { presignRequest } from '../../contract/index.js';
import { id, outputOf } from '../tool-definition.js';
import { untrustedField } from '../untrusted.js';

const LONGEST_TEXT = 1_000_000;
const { file_name, content_type } = presignRequest.shape;

export const uploadFileInput = z.object({
  file_name: file_name.describe('Name with extension, e.g. notes.md'),
  text: z.string().max(LONGEST_TEXT).describe('The whole content; it is stored in UTF-8'),
  content_type: content_type.optional().describe('MIME type; default by the extension, else text/plain'),
});
export type UploadFileInput = z.infer<typeof uploadFileInput>;
export const uploadFileOutput = outputOf(
  z.object({
    file_key: z.string().describe('Value for a file parameter of a workflow'),
    file_size: z.number().describe('In bytes'),
  }),
);

export const readOutputInput = z.object({
  task_id: id.describe('task_id from run_workflow, or id from list_tasks'),
  name: z
    .string()
    .max(1000)
    .optional()
    .describe('The file: a key of download_urls in get_task_result; needed when there is more than one'),
  offset: z.number().int().min(0).optional().describe('Bytes to skip: next_offset of the answer before'),
});
export type ReadOutputInput = z.infer<typeof readOutputInput>;
export const readOutputOutput = outputOf(
  z.object({
    name: z.string(),
    content_type: z.string(),
    size: z.number().describe('In bytes'),
    text: z.string(),
    json: z.unknown().describe('In place of text, for a JSON file that fits into one answer'),
    next_offset: z.number().describe('Only when more follows'),
    download_url: z.string().describe('For a file that cannot be shown here'),
    note: z.string(),
  }),
  untrustedField,
);
