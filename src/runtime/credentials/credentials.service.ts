import { Inject, Injectable, Logger } from '@nestjs/common';

import { Database, TEAM_ID, uuidV7 } from '../database/index.js';
import { type Credential, hashOf, isOfKind, newRawKey, PERMISSIONS } from './credential.js';

/** Precision of `last_used_at`. */
const USE_GRAIN_MS = 60_000;

/** Authenticates keys. Nothing is cached, so that a revoked key stops working at once. */
@Injectable()
export class CredentialsService {
  private readonly logger = new Logger('Credentials');
  private readonly ephemeral = new Map<string, Credential>();

  constructor(
    private readonly database: Database,
    @Inject(TEAM_ID) private readonly teamId: string,
  ) {}

  /** The credential behind a raw key; `undefined` when it is unknown, revoked or expired. */
  async authenticate(rawKey: string): Promise<Credential | undefined> {
    const key_hash = hashOf(rawKey);
    const local = this.ephemeral.get(key_hash);
    if (local) return local;
    const row = await this.database.db
      .selectFrom('credential')
      .select(['id', 'kind', 'team_id', 'permissions', 'last_used_at'])
      .where('key_hash', '=', key_hash)
      .where('revoked_at', 'is', null)
      .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', new Date())]))
      .executeTakeFirst();
    if (!row || !isOfKind(row.kind, rawKey)) return undefined;
    if (Date.now() - (row.last_used_at?.getTime() ?? 0) > USE_GRAIN_MS) this.noteUse(row.id);
    return { id: row.id, kind: row.kind, teamId: row.team_id, permissions: new Set(row.permissions) };
  }

  /** A new `ak-` key of the default team, valid only in this process. */
  mintEphemeralAgentKey(): string {
    const rawKey = newRawKey('agent');
    this.ephemeral.set(hashOf(rawKey), {
      id: uuidV7(),
      kind: 'agent',
      teamId: this.teamId,
      permissions: new Set(PERMISSIONS),
    });
    return rawKey;
  }

  /** Whether an agent of this process uses the key. */
  isEphemeral(rawKey: string): boolean {
    return this.ephemeral.has(hashOf(rawKey));
  }

  private noteUse(id: string): void {
    this.database.db
      .updateTable('credential')
      .set({ last_used_at: new Date() })
      .where('id', '=', id)
      .execute()
      .catch((error: unknown) => this.logger.warn({ error }, 'last use of a key not noted'));
  }
}
