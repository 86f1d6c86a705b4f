import type { Bundle } from '../bundles/index.js';
import { BundlesService } from '../bundles/index.js';
import { ServiceStore } from '../containers/index.js';
import { teamIdOf } from '../credentials/index.js';
import { type Database, DEFAULT_TEAM, type Tx } from '../database/index.js';
import { WorkflowStore } from '../workflows/index.js';
import type { ReadDefinition } from './definition-files.js';

/** Definitions to put into the database. */
export interface WantedDefinitions {
  /** Name of a team; the default team if left out. */
  readonly team?: string | undefined;
  readonly definitions: readonly ReadDefinition[];
  /** Only returns what would change. */
  readonly isDryRun: boolean;
  /** Disables and removes what was applied earlier and is not among them. */
  readonly isPruning: boolean;
}

/** What became of a definition, or would in a dry run. */
export interface AppliedDefinition {
  readonly kind: ReadDefinition['kind'];
  readonly slug: string;
  /** `undefined` for what is no longer defined. */
  readonly file?: string;
  /** Of a workflow. */
  readonly version?: number;
  readonly change: 'added' | 'changed' | 'unchanged' | 'disabled' | 'removed';
}

/** Puts definitions into the database of a runtime. */
export interface DefinitionAdministration {
  /** All of them, or none after an error. */
  apply(wanted: WantedDefinitions): Promise<AppliedDefinition[]>;
}

/** Carries the result of a dry run out of its transaction, which is rolled back. */
class DryRun extends Error {
  constructor(readonly applied: AppliedDefinition[]) {
    super('dry run');
  }
}

/** The definitions in a database. Nodes read workflows at every use, and are notified of services. */
export class AppliedDefinitions implements DefinitionAdministration {
  constructor(private readonly database: Database) {}

  async apply({ team = DEFAULT_TEAM, ...wanted }: WantedDefinitions): Promise<AppliedDefinition[]> {
    const { db } = this.database;
    const teamId = await teamIdOf(db, team);
    const work = (tx: Tx) => this.applyIn(tx, teamId, wanted);
    try {
      // The lock keeps nodes from loading their folders, and removing bundles without a definition, meanwhile.
      return await this.database.exclusively('definitions', () => db.transaction().execute(work));
    } catch (error) {
      if (error instanceof DryRun) return error.applied;
      throw error;
    }
  }

  private async applyIn(
    tx: Tx,
    teamId: string,
    { definitions, isDryRun, isPruning }: Omit<WantedDefinitions, 'team'>,
  ): Promise<AppliedDefinition[]> {
    const bundles = new BundlesService(this.database);
    const workflows = new WorkflowStore(this.database, teamId, bundles);
    const services = new ServiceStore(this.database, teamId, bundles);
    const applied: AppliedDefinition[] = [];
    for (const { files, ...read } of definitions) {
      const { kind, file, definition } = read;
      const pack = (): Promise<Bundle | undefined> => Promise.resolve(files);
      const change =
        kind === 'workflow'
          ? await workflows.apply(tx, { file, definition }, pack)
          : { change: await services.apply(tx, { file, definition }, pack) };
      applied.push({ kind, slug: definition.slug, file, ...change });
    }
    if (isPruning) {
      const slugsOf = (wanted: string): string[] =>
        definitions.filter(({ kind }) => kind === wanted).map(({ definition }) => definition.slug);
      const disabled = await workflows.disableApplied(tx, slugsOf('workflow'));
      const removed = await services.removeApplied(tx, slugsOf('service'));
      applied.push(
        ...disabled.map((slug) => ({ kind: 'workflow', slug, change: 'disabled' }) as const),
        ...removed.map((slug) => ({ kind: 'service', slug, change: 'removed' }) as const),
      );
    }
    if (isDryRun) throw new DryRun(applied);
    return applied;
  }
}
