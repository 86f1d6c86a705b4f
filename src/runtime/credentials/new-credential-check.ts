import { StartError } from '../../config/index.js';
import { CREDENTIAL_KINDS, type NewCredential, PERMISSIONS } from './credential.js';

/** A key that cannot be issued as asked; the message is one sentence for the operator. */
export class CredentialError extends StartError {
  override readonly name = 'CredentialError';
}

const NAME_LENGTH = 100;
const DAYS = 365;
const KNOWN: ReadonlySet<unknown> = new Set(PERMISSIONS);

/** @throws {CredentialError} naming what is wrong with it. */
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
  // What comes over the socket may be anything.
  const given: unknown = permissions;
  const unknown: unknown = Array.isArray(given) ? given.find((one: unknown) => !KNOWN.has(one)) : given;
  if (unknown === undefined) return;
  throw new CredentialError(
    `${JSON.stringify(unknown)} is not a permission. There are: ${PERMISSIONS.join(', ')}. A key without any may only read.`,
  );
}
