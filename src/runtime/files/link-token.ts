import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a link opens, until when, and for which key. */
export interface LinkGrant {
  /** The `link_id` of a stored file. */
  readonly linkId: string;
  /** Id of the key that asked for the link. */
  readonly credentialId: string;
  /** Seconds since 1970. */
  readonly expires: number;
}

/** A token as it was received. Only `isSignedFor` says whether it is genuine. */
export interface ReceivedToken {
  readonly linkId: string;
  readonly expires: number;
  /** The end of the id of the key. */
  readonly keyTail: string;
  readonly isSignedFor: (credentialId: string, secret: string) => boolean;
}

const ID_BYTES = 16;
const TAIL_BYTES = 4;
const GRANT_BYTES = ID_BYTES + 4 + TAIL_BYTES;
const SIGNATURE_BYTES = 16;
const TOKEN = /^[\w-]{54}$/;

/**
 * Text for a path: the grant, and 128 bits of its signature. Of the id of the key it has the end only, since a model pays
 * for each character; the signature covers the whole id.
 */
export function linkToken({ linkId, credentialId, expires }: LinkGrant, secret: string): string {
  const grant = Buffer.alloc(GRANT_BYTES);
  grant.write(hexOf(linkId), 'hex');
  grant.writeUInt32BE(expires, ID_BYTES);
  grant.write(tailOf(credentialId), ID_BYTES + 4, 'hex');
  return Buffer.concat([grant, signatureOf(grant, credentialId, secret)]).toString('base64url');
}

/** `undefined` for what is not the text of a token. */
export function readLinkToken(token: string): ReceivedToken | undefined {
  if (!TOKEN.test(token)) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  // The last character has two bits too many; another one would be another text of the same token.
  if (bytes.toString('base64url') !== token) return undefined;
  const grant = bytes.subarray(0, GRANT_BYTES);
  const signature = bytes.subarray(GRANT_BYTES);
  return {
    linkId: uuidOf(grant.toString('hex', 0, ID_BYTES)),
    expires: grant.readUInt32BE(ID_BYTES),
    keyTail: grant.toString('hex', ID_BYTES + 4),
    isSignedFor: (credentialId, secret) =>
      timingSafeEqual(signature, signatureOf(grant, credentialId, secret)),
  };
}

const signatureOf = (grant: Buffer, credentialId: string, secret: string): Buffer =>
  createHmac('sha256', `cyberun link ${secret}`)
    .update(grant)
    .update(credentialId)
    .digest()
    .subarray(0, SIGNATURE_BYTES);

const hexOf = (uuid: string): string => uuid.replaceAll('-', '');
const tailOf = (uuid: string): string => uuid.slice(-2 * TAIL_BYTES);
const uuidOf = (hex: string): string => hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
