import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import {
  essenceOf,
  isShownImage,
  isTerminal,
  LARGEST_SHOWN_IMAGE,
  parseExact,
  type TaskResult,
  textTypeOfName,
} from '../../contract/index.js';
import {
  advertised,
  nearest,
  RequiresPermission,
  ToolContext,
  ToolError,
  ToolInput,
  Toolset,
  withExtras,
} from '../../mcp/index.js';
import type { FilePart } from '../../upstream/index.js';
import { READS } from '../tool-definition.js';
import { marked } from '../untrusted.js';
import {
  type ReadOutputInput,
  readOutputInput,
  readOutputOutput,
  type UploadFileInput,
  uploadFileInput,
  uploadFileOutput,
} from './task-files.schemas.js';
import { TaskFilesService } from './task-files.service.js';
import { textPart } from './output-part.js';

/** What an agent without a shell can do with files. */
@McpController()
@Toolset('files')
export class TaskFilesTools {
  constructor(private readonly files: TaskFilesService) {}

  @Tool({
    name: 'upload_file',
    description:
      'Store a text as a file for a workflow: gives a file_key, the value of a file parameter. Use it for texts you write yourself; for a file on disk or other bytes use presign_file_upload.',
    parameters: advertised(uploadFileInput),
    outputSchema: advertised(uploadFileOutput),
    annotations: {
      title: 'Upload a text as a file',
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: false,
    },
  })
  @RequiresPermission('run')
  uploadFile(
    @ToolInput(uploadFileInput) { content_type, ...file }: UploadFileInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<object> {
    return this.files.upload(caller, {
      ...file,
      content_type: content_type ?? textTypeOfName(file.file_name),
    });
  }

  @Tool({
    name: 'read_output',
    description:
      'Read an output file of a task: text and JSON as they are, PNG, JPEG, GIF and WebP up to 1 MB as an image, a link for the rest. A long text is cut at a line; next_offset continues it. Which files there are is in get_task_result.',
    parameters: advertised(readOutputInput),
    outputSchema: advertised(readOutputOutput),
    annotations: { title: 'Read an output of a task', ...READS },
  })
  async readOutput(
    @ToolInput(readOutputInput) { task_id, name: wanted, offset = 0 }: ReadOutputInput,
    @Ctx() { caller, replyBytes }: ToolContext,
  ): Promise<object> {
    const [name, url] = findOutput(await this.files.result(caller, task_id), wanted);
    const part = await this.files.read(caller, url, offset, replyBytes);
    const file = {
      name,
      content_type: part.contentType,
      ...(part.size !== undefined && { size: part.size }),
    };
    if (isShownImage(part.contentType)) {
      const whole = await this.files.read(caller, url, 0, LARGEST_SHOWN_IMAGE + 1);
      return whole.bytes.length > LARGEST_SHOWN_IMAGE
        ? { ...file, download_url: url, note: TOO_LARGE }
        : withExtras({ ...file, download_url: url, note: UNSEEN }, { content: [imageOf(whole)] });
    }
    const read = textPart(part.bytes, replyBytes - FIELDS);
    return read
      ? marked({ ...file, ...readable(name, part, offset, read) }, FILE_TEXTS)
      : { ...file, download_url: url, note: NO_TEXT };
  }
}

const FILE_TEXTS = ['text', 'json'];

/** Bytes of the fields beside the text. */
const FIELDS = 500;
const TOO_LARGE = 'The image has more than 1 MB: fetch it with your own shell from download_url.';
/** Some hosts show a model the structured content alone. */
const UNSEEN = 'If you do not see the image, fetch it with your own shell from download_url.';
const NO_TEXT =
  'This is neither text nor an image that can be shown: fetch it with your own shell from download_url.';
const MOST_NAMES = 20;

const imageOf = ({ bytes, contentType }: FilePart) => ({
  type: 'image' as const,
  data: bytes.toString('base64'),
  mimeType: essenceOf(contentType),
});

/** JSON that is here as a whole, else the text and where it goes on. */
function readable(
  name: string,
  { bytes, size, contentType }: FilePart,
  offset: number,
  { text, length }: { readonly text: string; readonly length: number },
): object {
  const next_offset = offset + length;
  const isCut = size === undefined ? length < bytes.length || bytes.length > 0 : next_offset < size;
  const isWhole = offset === 0 && !isCut;
  if (isWhole && (/[/+]json\b/.test(contentType) || name.endsWith('.json'))) {
    const json = jsonIn(text);
    if (json !== undefined) return { json };
  }
  if (!isCut) return { text };
  const of = size === undefined ? '' : ` of ${size}`;
  return {
    text,
    next_offset,
    note: `Bytes ${offset} to ${next_offset}${of}: call again with offset ${next_offset}.`,
  };
}

function jsonIn(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

/**
 * Name and link of the output that is asked for.
 *
 * @throws {ToolError} that says which there are.
 */
function findOutput(
  { task_status, download_url, download_urls }: TaskResult,
  wanted: string | undefined,
): [name: string, url: string] {
  const outputs = Object.entries(download_urls ?? {});
  if (outputs.length === 0 && download_url) outputs.push(['output', download_url]);
  const [only, ...others] = outputs;
  if (!only) throw new ToolError(nothing(task_status));
  const found =
    wanted === undefined && others.length === 0 ? only : outputs.find(([name]) => name === wanted);
  if (found) return found;
  const names = outputs.map(([name]) => name);
  const near = wanted === undefined ? [] : nearest(wanted, names);
  const shown = near.length > 0 ? near : names.slice(0, MOST_NAMES);
  const more = names.length > shown.length ? ` (${names.length} in all; get_task_result lists them)` : '';
  const what =
    wanted === undefined ? 'is needed: the task has several files' : `no file of the task is called so`;
  throw new ToolError(`Invalid input. name: ${what}; there are: ${shown.join(', ')}${more}.`);
}

const nothing = (status: string | undefined): string =>
  status !== undefined && !isTerminal(status)
    ? `The task is ${status} and has no outputs yet. Call stream_task_events, then read_output again.`
    : 'The task has no output files: get_task_result has what it returned.';
