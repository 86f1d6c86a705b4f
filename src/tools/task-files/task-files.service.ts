import { Injectable } from '@nestjs/common';

import type { TaskResult } from '../../contract/index.js';
import { type Caller, type FilePart, FileTransfer, UpstreamClient } from '../../upstream/index.js';
import { taskResultRequest } from '../task-requests.js';
import { uploadText } from '../file-uploads.js';

/** The files of tasks: inputs that are written as text, and outputs. */
@Injectable()
export class TaskFilesService {
  constructor(
    private readonly upstream: UpstreamClient,
    private readonly transfer: FileTransfer,
  ) {}

  upload(
    caller: Caller,
    file: { readonly file_name: string; readonly content_type: string; readonly text: string },
  ): Promise<{ readonly file_key: string; readonly file_size: number }> {
    return uploadText(this.upstream, this.transfer, caller, file);
  }

  /** The result of a task, with the links to its outputs. */
  result(caller: Caller, taskId: string): Promise<TaskResult> {
    return this.upstream.send(caller, taskResultRequest(taskId));
  }

  read(caller: Caller, url: string, offset: number, length: number): Promise<FilePart> {
    return this.transfer.read(caller, { url }, offset, length);
  }
}
