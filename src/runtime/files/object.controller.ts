import { pipeline } from 'node:stream/promises';

import { Controller, Get, Head, NotFoundException, Put, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';

import { Addresses } from '../../config/index.js';
import { closeUnlessRead, extendRequestTimeout } from '../../http/index.js';
import type { FileFolder } from './file-folder.js';
import { parseFileKey } from './file-key.js';
import { FILES_PATH, FolderStore } from './folder-store.js';
import { LINK_SECONDS, ObjectStore } from './object-store.js';
import { signatureRefusal } from './s3-signature.js';

const RANGE = /^bytes=(\d*)-(\d*)$/;

/** The subset of S3 for signed links: PUT, GET and HEAD of one object. The signature authorises the request. */
@Controller('files')
export class ObjectController {
  constructor(
    private readonly store: ObjectStore,
    private readonly addresses: Addresses,
  ) {}

  @Put('*path')
  async put(@Req() request: Request, @Res() response: Response): Promise<void> {
    const { 'content-length': length, 'content-encoding': encoding = 'identity' } = request.headers;
    const refusal =
      this.refusalOf(request) ??
      (length === undefined ? 'MissingContentLength' : undefined) ??
      (encoding === 'identity' ? undefined : 'UnsupportedEncoding');
    if (refusal) return refuse(response, refusal);
    extendRequestTimeout(request, LINK_SECONDS * 1000);
    const key = this.keyOf(request);
    if (await this.folder.find(key)) return refuse(response, 'PreconditionFailed');
    const stored = await this.folder.write(key, request, Number(length));
    if (stored === 'exists') return refuse(response, 'PreconditionFailed');
    if (stored === 'incomplete') return refuse(response, 'IncompleteBody');
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
    const refusal = this.refusalOf(request);
    if (refusal) return refuse(response, refusal);
    const key = this.keyOf(request);
    const file = await this.folder.find(key);
    if (!file) return refuse(response, 'NoSuchKey');
    const range = rangeOf(request.headers.range, file.size);
    if (range === 'outside') return refuse(response, 'InvalidRange');
    describe(response, key, file.storedAt);
    if (range) response.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${file.size}`);
    response.set('Content-Length', String(range ? range.end - range.start + 1 : file.size));
    if (request.method === 'HEAD') response.end();
    // A client that disconnects ends the stream; there is no response to send.
    else await pipeline(this.folder.read(key, range), response).catch(() => response.destroy());
    return undefined;
  }

  /** With an S3 endpoint there are no files here. */
  private get builtIn(): FolderStore {
    if (this.store instanceof FolderStore) return this.store;
    throw new NotFoundException('No files are served here: this runtime keeps them in an object store.');
  }

  private get folder(): FileFolder {
    return this.builtIn.folder;
  }

  private refusalOf(request: Request): S3Refusal | undefined {
    const signed = { method: request.method, target: request.originalUrl, headers: request.headers };
    const origins = [this.addresses.public, this.addresses.loopback];
    const refusal = signatureRefusal(signed, this.builtIn.account, origins);
    return refusal ?? (parseFileKey(this.keyOf(request)) ? undefined : 'NoSuchKey');
  }

  private keyOf(request: Request): string {
    const [path = ''] = request.originalUrl.split('?', 1);
    const prefix = `${FILES_PATH}/${this.builtIn.account.bucket}/`;
    return path.startsWith(prefix) ? decodeURIComponent(path.slice(prefix.length)) : '';
  }
}

function describe(response: Response, key: string, storedAt: Date): void {
  const { contentType = 'application/octet-stream' } = parseFileKey(key) ?? {};
  // Unchanged; Express would add a charset.
  response.setHeader('Content-Type', contentType);
  response.set({
    'Last-Modified': storedAt.toUTCString(),
    'Accept-Ranges': 'bytes',
    // Files are untrusted content on this origin: a browser must not execute them.
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    'X-Content-Type-Options': 'nosniff',
  });
}

/** The requested range; `undefined` for the whole file, also for unsupported forms of the header. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'outside' | undefined {
  const [, from = '', to = ''] = RANGE.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return start > end ? 'outside' : { start, end };
}

/** Errors of the built-in store, with the codes of S3: status and message. */
const REFUSALS = {
  AccessDenied: [403, 'The link is not signed for this store, or a signed part of it is missing.'],
  SignatureDoesNotMatch: [
    403,
    'The signature does not match: method, path, query and every signed header must be sent as they were signed.',
  ],
  ExpiredLink: [403, 'The link has expired; ask for a new one.'],
  NoSuchKey: [404, 'There is no such file, or its time has run out.'],
  PreconditionFailed: [412, 'A file with this key exists; files are never overwritten.'],
  MissingContentLength: [411, 'Send a Content-Length.'],
  UnsupportedEncoding: [415, 'Send the file as it is: no Content-Encoding is kept here.'],
  IncompleteBody: [400, 'The body is not as long as its Content-Length says.'],
  InvalidRange: [416, 'The range lies outside the file.'],
} as const;
type S3Refusal = keyof typeof REFUSALS;

/** Sends an error in the XML format of S3. */
function refuse(response: Response, refusal: S3Refusal): void {
  closeUnlessRead(response);
  const [status, message] = REFUSALS[refusal];
  const code = refusal === 'ExpiredLink' ? 'AccessDenied' : refusal;
  response
    .status(status)
    .type('application/xml')
    .send(
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
    );
}
