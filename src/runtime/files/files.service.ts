import { Injectable } from '@nestjs/common';

import type { OutputFile } from '../../contract/index.js';

/** Who follows a link: an agent on this machine, or anyone. */
export type Audience = 'loopback' | 'public';

/** The run an output belongs to; outputs of another attempt lie elsewhere. */
export interface OutputOwner {
  readonly teamId: string;
  readonly taskId: string;
  readonly attempt: number;
}

/** Where to PUT an output; every header must be sent as it is. */
export interface OutputUpload {
  readonly fileKey: string;
  readonly url: string;
  readonly headers: Record<string, string>;
}

/** Files of the teams: uploads, inputs of runs, outputs. */
@Injectable()
export class FilesService {
  /** A link an agent fetches an input from. */
  inputLink(
    _teamId: string,
    _fileKey: string,
    _audience: Audience,
  ): Promise<{ url: string; fileName: string }> {
    return Promise.reject(new Error('being built'));
  }
  /** A link an agent PUTs an output of a run to. */
  outputUpload(_run: OutputOwner, _file: OutputFile, _audience: Audience): Promise<OutputUpload> {
    return Promise.reject(new Error('being built'));
  }
}
