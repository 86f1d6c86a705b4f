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
  const { kind, display_name, permissions = PERMISSIONS, expires_in_days } = wanted;
  if (!CREDENTIAL_KINDS.includes(kind))
    throw new CredentialError(`The kind must be one of ${CREDENTIAL_KINDS.join(', ')}.`);
  const length = typeof display_name === 'string' ? display_name.trim().length : 0;
  if (length < 1 || length > NAME_LENGTH)
    throw new CredentialError(`The name must have 1 to ${NAME_LENGTH} characters.`);
  if (!Array.isArray(permissions) || !permissions.every((one: unknown) => KNOWN.has(one))) {
    throw new CredentialError(
      `The permissions must be of these, separated by commas: ${PERMISSIONS.join(', ')}.`,
    );
  }
  if (expires_in_days === undefined) return;
  if (!Number.isInteger(expires_in_days) || expires_in_days < 1 || expires_in_days > DAYS) {
    throw new CredentialError(`A key expires in 1 to ${DAYS} days, a whole number, or never.`);
  }
}
