import { createHash, randomBytes } from 'node:crypto';

import type { CredentialKind } from './credential.js';

const PREFIX: Record<CredentialKind, string> = { integration: 'sk-', agent: 'ak-' };
/** As much of a key as may be shown to tell it from others. */
const SHOWN = 12;

/** A new key of 256 random bits; whoever holds it is let in, so it is shown once and kept nowhere. */
export const newRawKey = (kind: CredentialKind): string =>
  PREFIX[kind] + randomBytes(32).toString('base64url');

/** A plain hash will do: there is nothing to guess in 256 random bits. */
export const hashOf = (rawKey: string): string => createHash('sha256').update(rawKey).digest('hex');

export const prefixOf = (rawKey: string): string => rawKey.slice(0, SHOWN);

/** Whether a text could be a key of this kind at all. */
export const isOfKind = (kind: CredentialKind, rawKey: string): boolean => rawKey.startsWith(PREFIX[kind]);
