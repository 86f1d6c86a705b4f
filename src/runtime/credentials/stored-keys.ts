import { isUUID } from 'class-validator';
import { sql } from 'kysely';

import { type Db, DEFAULT_TEAM, uuidV7 } from '../database/index.js';
import {
  checkNewCredential,
  checkTeamName,
  CredentialError,
  type CredentialSummary,
  type IssuedCredential,
  type NewCredential,
  type TeamSummary,
} from './credential.js';
import { CredentialsStore, listCredentials } from './credentials.store.js';

/** A key to create, for a team by its name; without one for the default team. */
export interface NewKey extends NewCredential {
  readonly team?: string | undefined;
}

/** Manages the teams of a runtime and their keys. */
export interface KeyAdministration {
  /** Creates a key; the key itself is returned only here. */
  create(wanted: NewKey): Promise<IssuedCredential>;
  /** The keys of a team, or of all, newest first. */
  list(team?: string): Promise<CredentialSummary[]>;
  /** Revokes a key of any team; `false` when there is none with this id. */
  revoke(id: string): Promise<boolean>;
  createTeam(name: string): Promise<void>;
  /** All teams, oldest first. */
  teams(): Promise<TeamSummary[]>;
}

/** Teams and keys in a database; needs only the database, so that the command line can use it. */
export class StoredKeys implements KeyAdministration {
  constructor(private readonly db: Db) {}

  async create({ team = DEFAULT_TEAM, ...wanted }: NewKey): Promise<IssuedCredential> {
    checkNewCredential(wanted);
    return new CredentialsStore(this.db, await teamIdOf(this.db, team)).create(wanted);
  }

  async list(team?: string): Promise<CredentialSummary[]> {
    return listCredentials(this.db, team === undefined ? undefined : await teamIdOf(this.db, team));
  }

  async revoke(id: string): Promise<boolean> {
    if (!isUUID(id)) return false;
    const row = await this.db
      .selectFrom('credential')
      .select('team_id')
      .where('id', '=', id)
      .executeTakeFirst();
    return row !== undefined && new CredentialsStore(this.db, row.team_id).revoke(id);
  }

  async createTeam(name: string): Promise<void> {
    checkTeamName(name);
    const created = await this.db
      .insertInto('team')
      .values({ id: uuidV7(), team_slug: name })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    if (created === undefined) throw new CredentialError(`There is a team ${name} already.`);
  }

  async teams(): Promise<TeamSummary[]> {
    const rows = await this.db
      .selectFrom('team')
      .select(['team.id', 'team.team_slug as name', 'team.created_at'])
      .select((team) =>
        team
          .selectFrom('credential')
          .select(sql<number>`count(*)::integer`.as('count'))
          .whereRef('credential.team_id', '=', 'team.id')
          .where('revoked_at', 'is', null)
          .as('key_count'),
      )
      .orderBy('team.id')
      .execute();
    return rows.map((row) => ({
      ...row,
      created_at: row.created_at.toISOString(),
      key_count: row.key_count ?? 0,
    }));
  }
}

/**
 * Id of a team by its name.
 *
 * @throws {CredentialError} when there is none.
 */
export async function teamIdOf(db: Db, team: string): Promise<string> {
  checkTeamName(team);
  const row = await db.selectFrom('team').select('id').where('team_slug', '=', team).executeTakeFirst();
  if (row) return row.id;
  throw new CredentialError(
    `There is no team ${team}. Make it with: cyberun-mcp teams create ${team}. See all with: cyberun-mcp teams list`,
  );
}
