import type { IncomingMessage } from 'node:http';

import { Inject, Injectable, Logger } from '@nestjs/common';
import { type RawBuilder, type Selectable, sql } from 'kysely';

import { Database, DEFAULT_TEAM, type Schema, TEAM_ID, uuidV7 } from '../database/index.js';
import {
  type Credential,
  hashOf,
  isOfKind,
  newRawKey,
  type Permission,
  USUAL_PERMISSIONS,
} from './credential.js';
import { RefusedKeys } from './refused-keys.js';
import { RuntimeRates } from './runtime-rates.js';

/** Precision of `last_used_at`. */
const USE_GRAIN_MS = 60_000;

/** A key that was presented: what is known of it, and why it is not valid. */
interface PresentedKey {
  readonly credential?: Credential;
  readonly fault?: 'unknown' | 'revoked' | 'expired';
}

/** A key with its team, as stored. */
type KeyRow = Omit<CredentialRow, 'created_at' | 'display_name' | 'key_prefix'> & {
  readonly team_slug: string;
};
type CredentialRow = Selectable<Schema['credential']>;

/** What a route requires of a key. */
interface RequiredKey {
  readonly kind: Credential['kind'];
  readonly permission?: Permission | undefined;
  /** Method and pattern of the path, for the log. */
  readonly route: string;
  /** Counted by its address and key; absent for the requests of other nodes. */
  readonly request?: IncomingMessage;
}

/** `status` is that of the response: 401 for a key that is not valid here, 403 for one without the permission. */
type Admission =
  | { readonly status: 200 | 403; readonly credential: Credential }
  | { readonly status: 401; readonly credential?: undefined };

/** Authenticates keys. Nothing is cached, so that a revoked key stops working at once. */
@Injectable()
export class CredentialsService {
  private readonly logger = new Logger('Credentials');
  private readonly ephemeral = new Map<string, Credential>();

  constructor(
    private readonly database: Database,
    @Inject(TEAM_ID) private readonly teamId: string,
    private readonly refused: RefusedKeys,
    private readonly rates: RuntimeRates,
  ) {}

  /** The credential behind a raw key; `undefined` when it is unknown, revoked or expired. */
  async authenticate(rawKey: string): Promise<Credential | undefined> {
    const { credential, fault } = await this.find(rawKey);
    return fault === undefined ? credential : undefined;
  }

  /** Those of these keys that are not valid keys of agents; asks the database once. */
  async invalidAgentKeys(rawKeys: readonly string[]): Promise<string[]> {
    const stored = new Map(rawKeys.map((rawKey) => [hashOf(rawKey), rawKey]));
    for (const hash of this.ephemeral.keys()) stored.delete(hash);
    if (stored.size === 0) return [];
    const invalid = new Set(stored.values());
    for (const row of await this.keysWhere(sql`c.key_hash = any(${[...stored.keys()]}::text[])`)) {
      const rawKey = stored.get(row.key_hash);
      if (rawKey === undefined) continue;
      const { credential, fault } = this.judged(rawKey, row);
      if (credential?.kind === 'agent' && fault === undefined) invalid.delete(rawKey);
    }
    return [...invalid];
  }

  /**
   * Decides on the use of a key, which may be empty; a refusal of one that is not is logged.
   *
   * @throws {HttpException} 429 when the request is above a rate of its address or key.
   */
  admit(rawKey: string, { request, ...required }: RequiredKey): Promise<Admission> {
    const check = (): Promise<Admission> => this.check(rawKey, required);
    return request ? this.rates.around(request, rawKey, check) : check();
  }

  private async check(
    rawKey: string,
    { kind, permission, route }: Omit<RequiredKey, 'request'>,
  ): Promise<Admission> {
    if (rawKey === '') return { status: 401 };
    const { credential, fault } = await this.find(rawKey);
    const refuse = (reason: string): void => this.refused.note({ rawKey, credential, reason, route });
    if (credential === undefined || fault !== undefined || credential.kind !== kind) {
      refuse(fault ?? `not of the kind ${kind}`);
      return { status: 401 };
    }
    if (permission === undefined || credential.permissions.has(permission))
      return { status: 200, credential };
    refuse(`without the permission ${permission}`);
    return { status: 403, credential };
  }

  /** A new `ak-` key of the default team, valid only in this process. */
  mintEphemeralAgentKey(): string {
    const rawKey = newRawKey('agent');
    this.ephemeral.set(hashOf(rawKey), {
      id: uuidV7(),
      kind: 'agent',
      teamId: this.teamId,
      team: DEFAULT_TEAM,
      permissions: new Set(USUAL_PERMISSIONS),
    });
    return rawKey;
  }

  /** Whether an agent of this process uses the key. */
  isEphemeral(rawKey: string): boolean {
    return this.ephemeral.has(hashOf(rawKey));
  }

  private async find(rawKey: string): Promise<PresentedKey> {
    const hash = hashOf(rawKey);
    const local = this.ephemeral.get(hash);
    if (local) return { credential: local };
    // Not as a list of one, which the database would plan anew at every request.
    const [row] = await this.keysWhere(sql`c.key_hash = ${hash}`);
    return row ? this.judged(rawKey, row) : { fault: 'unknown' };
  }

  /** As text, which takes less time to make than by the query builder: every request comes here. */
  private async keysWhere(condition: RawBuilder<unknown>): Promise<KeyRow[]> {
    const { rows } = await sql<KeyRow>`
      select c.id, kind, team_id, team_slug, permissions, key_hash, revoked_at, expires_at, last_used_at
      from credential as c join team on team.id = team_id where ${condition}`.execute(this.database.db);
    return rows;
  }

  private judged(rawKey: string, row: KeyRow): PresentedKey {
    if (!isOfKind(row.kind, rawKey)) return { fault: 'unknown' };
    const { id, kind, team_id: teamId, team_slug: team, revoked_at, expires_at, last_used_at } = row;
    const credential = { id, kind, teamId, team, permissions: new Set(row.permissions) };
    if (revoked_at !== null) return { credential, fault: 'revoked' };
    if (expires_at !== null && expires_at.getTime() <= Date.now()) return { credential, fault: 'expired' };
    if (Date.now() - (last_used_at?.getTime() ?? 0) > USE_GRAIN_MS) this.noteUse(id);
    return { credential };
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
