import { createHash } from 'node:crypto';

import { Inject, Injectable } from '@nestjs/common';
import { type Selectable, sql } from 'kysely';

import { type Bundle, BundlesService } from '../bundles/index.js';
import {
  Database,
  type Db,
  type DefinitionSource,
  type Schema,
  TEAM_ID,
  type Tx,
} from '../database/index.js';
import { contentHashOf, type OwnedDefinition, saveFilesBeside } from '../definitions/index.js';
import type { ServiceDefinition } from './service-definition.js';

/** Notifies every node that a definition has changed. */
export const DEFINITIONS_CHANNEL = 'service_definition';
/** How many earlier contents of a definition are recognised. */
const FORMER_HASHES = 100;

type OwnedService = OwnedDefinition<ServiceDefinition>;
/** Packs the files beside a definition. */
type PackBeside = (definition: ServiceDefinition) => Promise<Bundle | undefined>;

/** The valid definitions of a folder, and its invalid files. */
interface FolderContent {
  readonly bySlug: ReadonlyMap<string, OwnedService>;
  readonly broken: ReadonlySet<string>;
  /** Read when the node started, not because a file has changed. */
  readonly isFirst: boolean;
  /** Other nodes are alive, whose folders may be newer. */
  readonly hasOthers: boolean;
}

/** A service as the database has it. */
export interface DefinedService {
  readonly id: string;
  readonly teamId: string;
  readonly definition: ServiceDefinition;
  readonly contentHash: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What became of an applied definition. */
type Change = 'added' | 'changed' | 'unchanged';

/** The definitions of services in the database, the current content of each: read for all teams, written for one. */
@Injectable()
export class ServiceStore {
  constructor(
    private readonly database: Database,
    @Inject(TEAM_ID) readonly teamId: string,
    private readonly bundles: BundlesService,
  ) {}

  /**
   * Updates the database to the files of a node, by the rules of `WorkflowStore.store`: the first load of a node brings no
   * earlier content back. Nor does it replace what `apply` has put there.
   *
   * @param pack packs the files beside a definition; called for new contents.
   * @returns the files that are not used, because the database has another content from elsewhere.
   */
  store(content: FolderContent, pack: PackBeside): Promise<string[]> {
    const { bySlug, broken, isFirst, hasOthers } = content;
    return this.changing(async (tx) => {
      const outdated: string[] = [];
      for (const owned of bySlug.values()) {
        if (isFirst && (await this.isOutdated(tx, owned.definition, hasOthers))) outdated.push(owned.file);
        else await this.storeOne(tx, owned, { source: 'folder', pack });
      }
      if (!isFirst || !hasOthers) await this.removeOthers(tx, [...bySlug.keys()], broken);
      return outdated;
    });
  }

  /** Puts a definition into the database in place of an earlier one. The caller holds the lock `definitions`. */
  async apply(tx: Tx, owned: OwnedService, pack: PackBeside): Promise<Change> {
    const change = await this.storeOne(tx, owned, { source: 'apply', pack });
    await notifyNodes(tx);
    return change;
  }

  /** Removes the services that were applied earlier, except those named; returns their slugs. */
  async removeApplied(tx: Tx, kept: readonly string[]): Promise<string[]> {
    const rows = await tx
      .updateTable('service_definition')
      .set({ is_removed: true, updated_at: sql<Date>`now()` })
      .where('team_id', '=', this.teamId)
      .where('source', '=', 'apply')
      .where('is_removed', '=', false)
      .$if(kept.length > 0, (others) => others.where('service_slug', 'not in', kept))
      .returning('service_slug')
      .execute();
    await notifyNodes(tx);
    return rows.map(({ service_slug }) => service_slug).sort();
  }

  /** The file of every service that a folder defines, by slug. */
  async storedOwners(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.database.db
      .selectFrom('service_definition')
      .select(['service_slug', 'source_file'])
      .where('team_id', '=', this.teamId)
      .where('source', '=', 'folder')
      .where('is_removed', '=', false)
      .execute();
    return new Map(rows.map(({ service_slug, source_file }) => [service_slug, source_file]));
  }

  /**
   * The services that are defined, by slug.
   *
   * @param known of an earlier reading: only definitions that have changed since are read.
   */
  async list(known: readonly DefinedService[], db: Db = this.database.db): Promise<DefinedService[]> {
    const rows = await db
      .selectFrom('service_definition')
      .select(['team_id', 'id', 'content_hash', 'created_at', 'updated_at'])
      .where('is_removed', '=', false)
      .orderBy('service_slug')
      .execute();
    const definitions = new Map(
      known.map(({ id, contentHash, definition }) => [id + contentHash, definition]),
    );
    const services = rows.map((row) => definedService(row, definitions.get(row.id + row.content_hash)));
    return services.every((service) => service !== undefined) ? services : this.read(db);
  }

  private async read(db: Db): Promise<DefinedService[]> {
    const rows = await db
      .selectFrom('service_definition')
      .select(['team_id', 'id', 'content_hash', 'definition', 'created_at', 'updated_at'])
      .where('is_removed', '=', false)
      .orderBy('service_slug')
      .execute();
    return rows.flatMap((row) => definedService(row, row.definition as ServiceDefinition) ?? []);
  }

  private changing<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    return this.database.exclusively('definitions', () =>
      this.database.db.transaction().execute(async (tx) => {
        const result = await work(tx);
        await notifyNodes(tx);
        return result;
      }),
    );
  }

  /** Whether the content in the database is the better one, as a node that starts must assume. */
  private async isOutdated(tx: Tx, definition: ServiceDefinition, hasOthers: boolean): Promise<boolean> {
    const known = await this.find(tx, definition.slug);
    const hash = contentHashOf(definition);
    if (!known || known.is_removed || known.content_hash === hash) return false;
    return known.source === 'apply' || (hasOthers && known.former_hashes.includes(hash));
  }

  private async storeOne(
    tx: Tx,
    { file, definition }: OwnedService,
    { source, pack }: { readonly source: DefinitionSource; readonly pack: PackBeside },
  ): Promise<Change> {
    const { slug, bundle } = definition;
    const known = await this.find(tx, slug);
    const content_hash = contentHashOf(definition);
    const isSame = known?.content_hash === content_hash && !known.is_removed;
    // A folder with the same content does not take over what was applied.
    if (isSame && (known.source === 'apply' || (known.source === source && known.source_file === file)))
      return 'unchanged';
    if (bundle && !isSame) {
      const packed = await pack(definition);
      await saveFilesBeside(tx, this.bundles, { file, wanted: bundle, packed });
    }
    const former = (known?.former_hashes ?? []).filter((hash) => hash !== content_hash);
    if (known && known.content_hash !== content_hash) former.push(known.content_hash);
    const content = {
      source,
      source_file: file,
      content_hash,
      former_hashes: former.slice(-FORMER_HASHES),
      bundle_hash: bundle?.hash ?? null,
      definition: JSON.stringify(definition),
      is_removed: false,
    };
    const id = stableId(`${this.teamId}/${slug}`);
    await tx
      .insertInto('service_definition')
      .values({ ...content, id, team_id: this.teamId, service_slug: slug })
      .onConflict((conflict) =>
        conflict.columns(['team_id', 'service_slug']).doUpdateSet({
          ...content,
          ...(!isSame && { updated_at: sql<Date>`now()` }),
        }),
      )
      .execute();
    if (isSame) return 'unchanged';
    return known && !known.is_removed ? 'changed' : 'added';
  }

  private find(tx: Tx, slug: string) {
    return tx
      .selectFrom('service_definition')
      .select(['source', 'source_file', 'content_hash', 'former_hashes', 'is_removed'])
      .where('team_id', '=', this.teamId)
      .where('service_slug', '=', slug)
      .executeTakeFirst();
  }

  /** Removes the services that a folder has defined and no longer does; those whose file is invalid stay. */
  private async removeOthers(tx: Tx, defined: readonly string[], broken: ReadonlySet<string>): Promise<void> {
    let gone = tx
      .updateTable('service_definition')
      .set({ is_removed: true, updated_at: sql<Date>`now()` })
      .where('team_id', '=', this.teamId)
      .where('source', '=', 'folder')
      .where('is_removed', '=', false);
    if (defined.length > 0) gone = gone.where('service_slug', 'not in', defined);
    if (broken.size > 0) gone = gone.where('source_file', 'not in', [...broken]);
    await gone.execute();
  }
}

async function notifyNodes(tx: Tx): Promise<void> {
  await sql`select pg_notify(${DEFINITIONS_CHANNEL}, '')`.execute(tx);
}

type HeadRow = Pick<
  Selectable<Schema['service_definition']>,
  'id' | 'team_id' | 'content_hash' | 'created_at' | 'updated_at'
>;

function definedService(row: HeadRow, definition: ServiceDefinition | undefined): DefinedService | undefined {
  if (definition === undefined) return undefined;
  const { id, team_id, content_hash, created_at, updated_at } = row;
  const dates = { createdAt: created_at, updatedAt: updated_at };
  return { id, teamId: team_id, definition, contentHash: content_hash, ...dates };
}

/** A UUID (version 8) derived from the name, the same at every start. */
function stableId(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
