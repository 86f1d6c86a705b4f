import { createHmac, timingSafeEqual } from 'node:crypto';

import { z } from 'zod';

import type { BucketAccount } from './link-signer.js';

/** What the holder of a token may do; without `uploadId` begin an upload, with it go on with one. */
const grant = z.object({
  key: z.string(),
  size: z.number(),
  partSize: z.number(),
  uploadId: z.string().optional(),
  audience: z.union([z.enum(['public', 'loopback']), z.templateLiteral(['http', z.string()])]),
  /** Seconds since 1970. */
  expires: z.number(),
});
export type UploadGrant = z.infer<typeof grant>;

/** Text for a path: the grant, and its signature by the secret that signs links. */
export function uploadToken(account: BucketAccount, given: UploadGrant): string {
  const text = Buffer.from(JSON.stringify(given)).toString('base64url');
  return `${text}.${signatureOf(text, account).toString('base64url')}`;
}

/** `undefined` when the token is not signed by this account. */
export function readUploadToken(account: BucketAccount, token: string): UploadGrant | undefined {
  const [text = '', signature = ''] = token.split('.', 2);
  const given = Buffer.from(signature, 'base64url');
  const right = signatureOf(text, account);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
  return grant.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
}

const signatureOf = (text: string, { secretAccessKey }: BucketAccount): Buffer =>
  createHmac('sha256', `cyberun multipart ${secretAccessKey}`).update(text).digest();
