import { Inject, Injectable } from '@nestjs/common';

import { type Bundle, BundlesService } from '../bundles/index.js';
import { Database, type DefinitionSource, TEAM_ID, type Tx, uuidV7 } from '../database/index.js';
import { contentHashOf, type OwnedDefinition, saveFilesBeside } from '../definitions/index.js';
import type { CompiledWorkflow } from './compiled-workflow.js';

/** Packs the files beside a definition. */
type PackBeside = (file: string) => Promise<Bundle | undefined>;

/** The valid definitions of a folder, and its invalid files. */
interface FolderContent {
  readonly bySlug: ReadonlyMap<string, OwnedDefinition<CompiledWorkflow>>;
  readonly broken: ReadonlySet<string>;
  /** Read when the node started, not because a file has changed. */
  readonly isFirst: boolean;
  /** Other nodes are alive, whose folders may be newer. */
  readonly hasOthers: boolean;
}

/** What became of an applied definition. */
export interface AppliedVersion {
  readonly version: number;
  readonly change: 'added' | 'changed' | 'unchanged';
}

/** Where a definition comes from, and the files beside it. */
interface Origin {
  readonly source: DefinitionSource;
  readonly pack: PackBeside;
}

/** The workflows of a team in the database: one head each, and immutable versions. */
@Injectable()
export class WorkflowStore {
  constructor(
    private readonly database: Database,
    @Inject(TEAM_ID) readonly teamId: string,
    private readonly bundles: BundlesService,
  ) {}

  /**
   * Updates the database to the definitions in the files of this node.
   *
   * Beside other nodes, whose folders may be older or newer, the first load of a node adds and renews, but brings no
   * earlier version back and removes nothing: only a change of the files while the node runs does that. Nor does it
   * replace what `apply` has put there.
   *
   * @param pack packs the files beside a definition; called for new versions.
   * @returns the files that are not used, because the database has a later version from elsewhere.
   */
  store({ bySlug, broken, isFirst, hasOthers }: FolderContent, pack: PackBeside): Promise<string[]> {
    return this.database.exclusively('definitions', () =>
      this.database.db.transaction().execute(async (tx) => {
        const outdated: string[] = [];
        for (const owned of bySlug.values()) {
          if (isFirst && (await this.isOutdated(tx, owned.definition, hasOthers))) outdated.push(owned.file);
          else await this.storeOne(tx, owned, { source: 'folder', pack });
        }
        if (!isFirst || !hasOthers) await this.disableOthers(tx, [...bySlug.keys()], broken);
        return outdated;
      }),
    );
  }

  /** Puts a definition into the database in place of an earlier one. The caller holds the lock `definitions`. */
  apply(tx: Tx, owned: OwnedDefinition<CompiledWorkflow>, pack: PackBeside): Promise<AppliedVersion> {
    return this.storeOne(tx, owned, { source: 'apply', pack });
  }

  /** Disables the workflows that were applied earlier, except those named; returns their slugs. */
  async disableApplied(tx: Tx, kept: readonly string[]): Promise<string[]> {
    const rows = await tx
      .updateTable('workflow')
      .set({ workflow_status: 'disabled', updated_at: new Date() })
      .where('team_id', '=', this.teamId)
      .where('source', '=', 'apply')
      .where('workflow_status', '=', 'active')
      .$if(kept.length > 0, (others) => others.where('workflow_slug', 'not in', kept))
      .returning('workflow_slug')
      .execute();
    return rows.map(({ workflow_slug }) => workflow_slug).sort();
  }

  /** Whether the content in the database is the better one, as a node that starts must assume. */
  private async isOutdated(tx: Tx, workflow: CompiledWorkflow, hasOthers: boolean): Promise<boolean> {
    const known = await this.find(tx, workflow.slug);
    if (!known || known.content_hash === contentHashOf(workflow)) return false;
    if (known.source === 'apply' && known.workflow_status === 'active') return true;
    return hasOthers && (await this.isEarlierVersion(tx, workflow));
  }

  /** Whether this content is an earlier version of the workflow, and not the current one. */
  private async isEarlierVersion(tx: Tx, workflow: CompiledWorkflow): Promise<boolean> {
    const rows = await tx
      .selectFrom('workflow as w')
      .innerJoin('workflow_version as v', 'v.workflow_id', 'w.id')
      .select(({ eb }) => eb('v.version', '=', eb.ref('w.version')).as('is_current'))
      .where('w.team_id', '=', this.teamId)
      .where('w.workflow_slug', '=', workflow.slug)
      .where('v.content_hash', '=', contentHashOf(workflow))
      .execute();
    return rows.length > 0 && !rows.some(({ is_current }) => is_current);
  }

  /** Whether a version with the same content exists. */
  async isStored(workflow: CompiledWorkflow): Promise<boolean> {
    const row = await this.database.db
      .selectFrom('workflow_version')
      .select('version')
      .where('team_id', '=', this.teamId)
      .where('content_hash', 'like', `${contentHashOf(workflow)}%`)
      .limit(1)
      .executeTakeFirst();
    return row !== undefined;
  }

  /** The file of every active workflow that a folder defines, by slug. */
  async storedOwners(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.database.db
      .selectFrom('workflow')
      .select(['workflow_slug', 'source_file'])
      .where('team_id', '=', this.teamId)
      .where('workflow_status', '=', 'active')
      .where('source', '=', 'folder')
      .execute();
    return new Map(rows.map(({ workflow_slug, source_file }) => [workflow_slug, source_file]));
  }

  /** Stores a new version when the content has changed. */
  private async storeOne(
    tx: Tx,
    { file, definition: workflow }: OwnedDefinition<CompiledWorkflow>,
    { source, pack }: Origin,
  ): Promise<AppliedVersion> {
    const content_hash = contentHashOf(workflow);
    const known = await this.find(tx, workflow.slug);
    const isSame = known?.content_hash === content_hash;
    const isActive = known?.workflow_status === 'active';
    // A folder with the same content does not take over what was applied.
    const isOwned = known?.source === 'apply' || (known?.source === source && known.source_file === file);
    if (isSame && isActive && isOwned) return { version: known.version, change: 'unchanged' };
    const version = (known?.version ?? 0) + (isSame ? 0 : 1);
    const workflow_id = await this.storeHead(tx, { slug: workflow.slug, version, source, file });
    if (isSame) return { version, change: isActive ? 'unchanged' : 'added' };
    if (workflow.bundle) {
      const packed = await pack(file);
      await saveFilesBeside(tx, this.bundles, { file, wanted: workflow.bundle, packed });
    }
    await tx
      .insertInto('workflow_version')
      .values({
        workflow_id,
        team_id: this.teamId,
        version,
        content_hash,
        definition: JSON.stringify(workflow),
      })
      .execute();
    return { version, change: isActive ? 'changed' : 'added' };
  }

  private find(tx: Tx, slug: string) {
    return tx
      .selectFrom('workflow as w')
      .innerJoin('workflow_version as v', (join) =>
        join.onRef('v.workflow_id', '=', 'w.id').onRef('v.version', '=', 'w.version'),
      )
      .select(['w.id', 'w.version', 'v.content_hash', 'w.workflow_status', 'w.source', 'w.source_file'])
      .where('w.team_id', '=', this.teamId)
      .where('w.workflow_slug', '=', slug)
      .executeTakeFirst();
  }

  private async storeHead(
    tx: Tx,
    { slug, file, ...rest }: { slug: string; version: number; source: DefinitionSource; file: string },
  ): Promise<string> {
    const head = { ...rest, workflow_status: 'active' as const, source_file: file };
    const { id } = await tx
      .insertInto('workflow')
      .values({ ...head, id: uuidV7(), team_id: this.teamId, workflow_slug: slug })
      .onConflict((conflict) =>
        conflict.columns(['team_id', 'workflow_slug']).doUpdateSet({ ...head, updated_at: new Date() }),
      )
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  }

  /** Disables workflows of the folder whose file was removed; those whose file is invalid stay active. */
  private async disableOthers(
    tx: Tx,
    defined: readonly string[],
    broken: ReadonlySet<string>,
  ): Promise<void> {
    let gone = tx
      .updateTable('workflow')
      .set({ workflow_status: 'disabled', updated_at: new Date() })
      .where('team_id', '=', this.teamId)
      .where('source', '=', 'folder')
      .where('workflow_status', '=', 'active');
    if (defined.length > 0) gone = gone.where('workflow_slug', 'not in', defined);
    if (broken.size > 0) gone = gone.where('source_file', 'not in', [...broken]);
    await gone.execute();
  }
}
