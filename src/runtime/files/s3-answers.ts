import type { Response } from 'express';

import { closeUnlessRead } from '../../http/index.js';
import { NODE_AWAY } from './file-nodes.js';

/** Errors of the built-in store, with the codes of S3: status and message. */
const REFUSALS = {
  AccessDenied: [403, 'The link is not signed for this store, or a signed part of it is missing.'],
  SignatureDoesNotMatch: [
    403,
    'The signature does not match: method, path, query and every signed header must be sent as they were signed.',
  ],
  ExpiredLink: [403, 'The link has expired; ask for a new one.'],
  NoSuchKey: [
    404,
    'There is no such file, or its time has run out: upload it again, or run again the task that left it.',
  ],
  PreconditionFailed: [412, 'A file with this key exists; files are never overwritten.'],
  MissingContentLength: [411, 'Send a Content-Length.'],
  UnsupportedEncoding: [415, 'Send the file as it is: no Content-Encoding is kept here.'],
  IncompleteBody: [400, 'The body is not as long as its Content-Length says.'],
  InvalidRange: [416, 'The range lies outside the file, whose size is in Content-Range.'],
  ServiceUnavailable: [503, NODE_AWAY],
  NoSuchUpload: [404, 'The upload of this part is complete, aborted or expired.'],
  OperationAborted: [409, 'A newer request for the same part, or the end of its upload, took its place.'],
} as const;
export type S3Refusal = keyof typeof REFUSALS;

/** Sends an error in the XML format of S3. */
export function refuse(response: Response, refusal: S3Refusal): void {
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
