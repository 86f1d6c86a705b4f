/** What a key may do. Reading needs none of them. */
export const PERMISSIONS = ['run', 'invoke'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** `integration` keys (`sk-`) call the REST API; `agent` keys (`ak-`) dial the gateway. */
export type CredentialKind = 'integration' | 'agent';

/** On whose behalf a request or a connection acts. */
export interface Credential {
  readonly id: string;
  readonly kind: CredentialKind;
  readonly teamId: string;
  readonly permissions: ReadonlySet<string>;
}
