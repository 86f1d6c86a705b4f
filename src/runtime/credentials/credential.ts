/** What a key may do: `run` is to submit and cancel tasks and to upload their files, `invoke` to call services. Reading needs neither. */
export const PERMISSIONS = ['run', 'invoke'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** `integration` keys (`sk-`) call the REST API; `agent` keys (`ak-`) dial the gateway. */
export const CREDENTIAL_KINDS = ['integration', 'agent'] as const;
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number];

/** On whose behalf a request or a connection acts. */
export interface Credential {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly teamId: string;
  readonly permissions: ReadonlySet<string>;
}

/** What a new key shall be; without `permissions` it may do everything, without `expires_in_days` for ever. */
export interface NewCredential {
  readonly kind: CredentialKind;
  readonly display_name: string;
  readonly permissions?: readonly string[] | undefined;
  readonly expires_in_days?: number | undefined;
}

/** A credential as an administrator sees it; never the key itself. */
export interface CredentialSummary {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly display_name: string;
  readonly key_prefix: string;
  readonly key_status: 'active' | 'revoked' | 'expired';
  readonly permissions: readonly string[];
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
}

/** A credential just made, with the key, which cannot be shown again. */
export type IssuedCredential = Pick<CredentialSummary, 'id' | 'kind' | 'key_prefix'> & {
  readonly raw_key: string;
};
