import { Controller, Get, Head, Put, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';

import { extendRequestTimeout } from '../../http/index.js';
import { sendFile } from './file-response.js';
import { LINK_SECONDS } from './object-store.js';
import { ObjectRequests, type SignedObject } from './object-requests.js';
import { refuse, type S3Refusal } from './s3-answers.js';
import { StoredFiles } from './stored-files.js';

/** The subset of S3 for signed links: PUT, GET and HEAD of one object. The signature authorises the request. */
@Controller('files')
export class ObjectController {
  constructor(
    private readonly requests: ObjectRequests,
    private readonly stored: StoredFiles,
  ) {}

  @Put('*path')
  async put(@Req() request: Request, @Res() response: Response): Promise<void> {
    const object = this.requests.read(request);
    if (typeof object === 'string') return refuse(response, object);
    const unfit = unacceptable(request);
    if (unfit) return refuse(response, unfit);
    extendRequestTimeout(request, LINK_SECONDS * 1000);
    if (await this.requests.answeredElsewhere(object, [request, response])) return undefined;
    const part = partOf(request);
    if (part) return this.putPart({ ...part, ...object }, [request, response]);
    const stored = await this.store(object, request);
    if (stored !== undefined) return refuse(response, stored);
    response.status(200).end();
    return undefined;
  }

  @Head('*path')
  async head(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.answer(request, response);
  }

  @Get('*path')
  async get(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.answer(request, response);
  }

  private async answer(request: Request, response: Response): Promise<void> {
    const object = this.requests.read(request);
    if (typeof object === 'string') return refuse(response, object);
    const unsent = await sendFile(this.requests.builtIn.folder, object.key, [request, response]);
    if (unsent === undefined) return undefined;
    const isElsewhere =
      unsent === 'NoSuchKey' && (await this.requests.answeredElsewhere(object, [request, response]));
    if (!isElsewhere) refuse(response, unsent);
    return undefined;
  }

  /** Stores a part of an upload in parts. */
  private async putPart(
    part: SignedObject & UploadedPart,
    [request, response]: [Request, Response],
  ): Promise<void> {
    const size = Number(request.headers['content-length']);
    const outcome = await this.requests.builtIn.multipart.write(part, request, size);
    if (outcome === 'gone') return refuse(response, 'NoSuchUpload');
    if (outcome === 'aborted') return refuse(response, 'OperationAborted');
    if (outcome === 'incomplete') return refuse(response, 'IncompleteBody');
    response.status(200).set('ETag', `"${outcome.etag}"`).end();
    return undefined;
  }

  /** Stores the body of a request; returns why it could not. */
  private async store({ key, teamId }: SignedObject, request: Request): Promise<S3Refusal | undefined> {
    const { folder } = this.requests.builtIn;
    const size = Number(request.headers['content-length']);
    const outcome = (await folder.find(key)) ? 'exists' : await folder.write(key, request, { size });
    if (outcome === 'incomplete') return 'IncompleteBody';
    // Also for a file that exists: its first upload may have failed to confirm it.
    await this.stored.confirm(key, teamId, (await folder.find(key))?.size ?? size);
    return outcome === 'exists' ? 'PreconditionFailed' : undefined;
  }
}

/** A part of an upload, as its link names it. */
interface UploadedPart {
  readonly uploadId: string;
  readonly partNumber: number;
}

/** The query is signed, so its values are our own. */
function partOf({ query }: Request): UploadedPart | undefined {
  const { uploadId, partNumber } = query;
  return typeof uploadId === 'string' ? { uploadId, partNumber: Number(partNumber) } : undefined;
}

/** Why the headers of an upload are refused. */
function unacceptable({ headers }: Request): S3Refusal | undefined {
  if (headers['content-length'] === undefined) return 'MissingContentLength';
  const { 'content-encoding': encoding = 'identity' } = headers;
  return encoding === 'identity' ? undefined : 'UnsupportedEncoding';
}
