import { isUUID } from 'class-validator';

import { type Db, uuidV7 } from '../database/index.js';
import {
  checkNewCredential,
  type CredentialSummary,
  hashOf,
  type IssuedCredential,
  type NewCredential,
  newRawKey,
  USUAL_PERMISSIONS,
  prefixOf,
} from './credential.js';

const DAY_MS = 86_400_000;
/** The credentials of one team; needs only the database, so that the command line can use it. */
export class CredentialsStore {
  constructor(
    private readonly db: Db,
    private readonly teamId: string,
  ) {}

  /** Creates a key; `rawKey` is set when the operator has chosen the key. */
  async create(wanted: NewCredential, rawKey = newRawKey(wanted.kind)): Promise<IssuedCredential> {
    checkNewCredential(wanted);
    const { kind, display_name, permissions = USUAL_PERMISSIONS, expires_in_days } = wanted;
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
  list(): Promise<CredentialSummary[]> {
    return listCredentials(this.db, this.teamId);
  }

  /** One of them; `undefined` when the team has none with this id. */
  async find(id: string): Promise<CredentialSummary | undefined> {
    const [found] = await listCredentials(this.db, this.teamId, id);
    return found;
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

/** The credentials of one team, or of all, newest first; or the one with this id. */
export async function listCredentials(db: Db, teamId?: string, id?: string): Promise<CredentialSummary[]> {
  const rows = await db
    .selectFrom('credential as c')
    .innerJoin('team', 'team.id', 'c.team_id')
    .select(['c.id', 'team.team_slug as team', 'c.kind', 'c.display_name', 'c.key_prefix', 'c.permissions'])
    .select(['c.created_at', 'c.expires_at', 'c.revoked_at', 'c.last_used_at'])
    .$if(teamId !== undefined, (all) => all.where('c.team_id', '=', teamId ?? ''))
    .$if(id !== undefined, (all) => all.where('c.id', '=', id ?? ''))
    .orderBy('c.id', 'desc')
    .execute();
  return rows.map(({ revoked_at, created_at, expires_at, last_used_at, ...row }) => ({
    ...row,
    key_status: statusOf(revoked_at, expires_at),
    created_at: created_at.toISOString(),
    last_used_at: last_used_at?.toISOString() ?? null,
    expires_at: expires_at?.toISOString() ?? null,
  }));
}

function statusOf(revokedAt: Date | null, expiresAt: Date | null): CredentialSummary['key_status'] {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && expiresAt.getTime() <= Date.now() ? 'expired' : 'active';
}
