import type { CredentialSummary, IssuedCredential, NewCredential } from '../credentials/index.js';

/** What an operator does with the keys of the default team. */
export interface KeyAdministration {
  /** Issues a key; it is shown this once. */
  create(wanted: NewCredential): Promise<IssuedCredential>;
  /** All keys, newest first. */
  list(): Promise<CredentialSummary[]>;
  /** Ends a key at once; `false` when there is none with this id. */
  revoke(id: string): Promise<boolean>;
}
