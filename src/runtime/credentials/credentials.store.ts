import { isUUID } from 'class-validator';
import type { Selectable } from 'kysely';

import { type Db, uuidV7 } from '../database/index.js';
import type { CredentialTable } from '../database/schema.js';
import {
  checkNewCredential,
  type CredentialSummary,
  hashOf,
  type IssuedCredential,
  type NewCredential,
  newRawKey,
  PERMISSIONS,
  prefixOf,
} from './credential.js';

const DAY_MS = 86_400_000;
const SHOWN = [
  'id',
  'kind',
  'display_name',
  'key_prefix',
  'permissions',
  'created_at',
  'expires_at',
  'revoked_at',
  'last_used_at',
] as const satisfies (keyof CredentialTable)[];
type Shown = Pick<Selectable<CredentialTable>, (typeof SHOWN)[number]>;

/** The credentials of one team; needs only the database, so that the command line can use it. */
export class CredentialsStore {
  constructor(
    private readonly db: Db,
    private readonly teamId: string,
  ) {}

  /** Creates a key; `rawKey` is set when the operator has chosen the key. */
  async create(wanted: NewCredential, rawKey = newRawKey(wanted.kind)): Promise<IssuedCredential> {
    checkNewCredential(wanted);
    const { kind, display_name, permissions = PERMISSIONS, expires_in_days } = wanted;
    const issued = { id: uuidV7(), kind, key_prefix: prefixOf(rawKey) };
    const expires_at = expires_in_days === undefined ? null : new Date(Date.now() + expires_in_days * DAY_MS);
    await this.db
      .insertInto('credential')
      .values({
        ...issued,
        team_id: this.teamId,
        display_name,
        key_hash: hashOf(rawKey),
        permissions: [...new Set(permissions)],
        expires_at,
      })
      .execute();
    return { ...issued, raw_key: rawKey };
  }

  /** All of them, newest first. */
  async list(): Promise<CredentialSummary[]> {
    const rows = await this.db
      .selectFrom('credential')
      .select(SHOWN)
      .where('team_id', '=', this.teamId)
      .orderBy('id', 'desc')
      .execute();
    return rows.map(summaryOf);
  }

  /** Revokes a credential permanently; `false` when the team has none with this id. */
  async revoke(id: string): Promise<boolean> {
    if (!isUUID(id)) return false;
    const { numUpdatedRows } = await this.db
      .updateTable('credential')
      .set((row) => ({ revoked_at: row.fn.coalesce('revoked_at', row.val(new Date())) }))
      .where('team_id', '=', this.teamId)
      .where('id', '=', id)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Whether the team ever had an integration key. */
  async isEmpty(): Promise<boolean> {
    const row = await this.db
      .selectFrom('credential')
      .select('id')
      .where('team_id', '=', this.teamId)
      .where('kind', '=', 'integration')
      .limit(1)
      .executeTakeFirst();
    return row === undefined;
  }

  /** Whether this key was issued before, also if it is revoked. */
  async knows(rawKey: string): Promise<boolean> {
    const row = await this.db
      .selectFrom('credential')
      .select('id')
      .where('key_hash', '=', hashOf(rawKey))
      .executeTakeFirst();
    return row !== undefined;
  }
}

function summaryOf(row: Shown): CredentialSummary {
  return {
    id: row.id,
    kind: row.kind,
    display_name: row.display_name,
    key_prefix: row.key_prefix,
    key_status: statusOf(row),
    permissions: row.permissions,
    created_at: row.created_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
    expires_at: row.expires_at?.toISOString() ?? null,
  };
}

function statusOf({ revoked_at, expires_at }: Shown): CredentialSummary['key_status'] {
  if (revoked_at !== null) return 'revoked';
  return expires_at !== null && expires_at.getTime() <= Date.now() ? 'expired' : 'active';
}
