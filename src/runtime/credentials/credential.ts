import { createHash, randomBytes } from 'node:crypto';

import { StartError } from '../../config/index.js';

/**
 * Permissions: `run` to submit and cancel tasks and upload their files, `invoke` to call services, `admin` to make, list
 * and revoke the keys of the team; none to read.
 */
const PERMISSIONS = ['run', 'invoke', 'admin'] as const;
export type Permission = (typeof PERMISSIONS)[number];
/** What a key may do unless its creator names something else: a key that a model uses must not make further ones. */
export const USUAL_PERMISSIONS: readonly Permission[] = ['run', 'invoke'];

/** `integration` keys (`sk-`) call the REST API; `agent` keys (`ak-`) dial the gateway. */
export const CREDENTIAL_KINDS = ['integration', 'agent'] as const;
type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** The key behind a request or a connection. */
export interface Credential {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly teamId: string;
  /** Name of the team. */
  readonly team: string;
  readonly permissions: ReadonlySet<string>;
}

/** A key to create; without `permissions` it has {@link USUAL_PERMISSIONS}, without `expires_in_days` it does not expire. */
export interface NewCredential {
  readonly kind: CredentialKind;
  readonly display_name: string;
  readonly permissions?: readonly string[] | undefined;
  readonly expires_in_days?: number | undefined;
}

/** A credential as the operator sees it, without the key itself. */
export interface CredentialSummary {
  readonly id: string;
  /** Name of the team. */
  readonly team: string;
  readonly kind: CredentialKind;
  readonly display_name: string;
  readonly key_prefix: string;
  readonly key_status: 'active' | 'revoked' | 'expired';
  readonly permissions: readonly string[];
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
}

/** A team as the operator sees it; `key_count` counts its keys that are not revoked. */
export interface TeamSummary {
  readonly id: string;
  readonly name: string;
  readonly created_at: string;
  readonly key_count: number;
}

/** A new credential with its key, which cannot be shown again. */
export type IssuedCredential = Pick<CredentialSummary, 'id' | 'kind' | 'key_prefix'> & {
  readonly raw_key: string;
};

const PREFIX: Record<CredentialKind, string> = { integration: 'sk-', agent: 'ak-' };
/** Length of the prefix that identifies a key in lists. */
const SHOWN = 12;

/** A new key of 256 random bits; it is shown once, and only its hash is stored. */
export const newRawKey = (kind: CredentialKind): string =>
  PREFIX[kind] + randomBytes(32).toString('base64url');

/** A plain hash is enough for 256 random bits. */
export const hashOf = (rawKey: string): string => createHash('sha256').update(rawKey).digest('hex');

export const prefixOf = (rawKey: string): string => rawKey.slice(0, SHOWN);

/** Form of the keys that runtimes issue or are given. */
const ISSUED = /^[asd]k-[\w-]{20,}$/;

/** The beginning of a key for the log; of a text that is no key nothing is shown, since it may be a password. */
export const shownPrefix = (text: string): string => (ISSUED.test(text) ? `${prefixOf(text)}…` : 'not a key');

/** Whether the prefix is that of this kind of key. */
export const isOfKind = (kind: CredentialKind, rawKey: string): boolean => rawKey.startsWith(PREFIX[kind]);

/** The requested key is not valid; the message is for the operator. */
export class CredentialError extends StartError {
  override readonly name = 'CredentialError';
}

const TEAM_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const TEAM_NAME_LENGTH = 63;

/** @throws {CredentialError} when the name is not valid for a new team. */
export function checkTeamName(name: unknown): asserts name is string {
  if (typeof name === 'string' && name.length <= TEAM_NAME_LENGTH && TEAM_NAME.test(name)) return;
  throw new CredentialError(
    `The name of a team must be 1 to ${TEAM_NAME_LENGTH} lower-case letters, digits and single hyphens, such as image-lab.`,
  );
}

const NAME_LENGTH = 100;
const DAYS = 365;
const KNOWN: ReadonlySet<unknown> = new Set(PERMISSIONS);

/** @throws {CredentialError} when the request is not valid. */
export function checkNewCredential(wanted: NewCredential): void {
  const { kind, display_name, permissions, expires_in_days } = wanted;
  if (!CREDENTIAL_KINDS.includes(kind))
    throw new CredentialError(`The kind must be one of ${CREDENTIAL_KINDS.join(', ')}.`);
  const length = typeof display_name === 'string' ? display_name.trim().length : 0;
  if (length < 1 || length > NAME_LENGTH)
    throw new CredentialError(`The name must have 1 to ${NAME_LENGTH} characters.`);
  checkPermissions(kind, permissions);
  if (expires_in_days === undefined) return;
  if (!Number.isInteger(expires_in_days) || expires_in_days < 1 || expires_in_days > DAYS) {
    throw new CredentialError(`A key expires in 1 to ${DAYS} days, a whole number, or never.`);
  }
}

function checkPermissions(kind: NewCredential['kind'], permissions: NewCredential['permissions']): void {
  if (permissions === undefined) return;
  if (kind === 'agent')
    throw new CredentialError('Only integration keys have permissions, agent keys have none.');
  // The admin socket does not validate its input.
  const given: unknown = permissions;
  const unknown: unknown = Array.isArray(given) ? given.find((one: unknown) => !KNOWN.has(one)) : given;
  if (unknown === undefined) return;
  throw new CredentialError(
    `${JSON.stringify(unknown)} is not a permission. There are: ${PERMISSIONS.join(', ')}. A key without any may only read.`,
  );
}
