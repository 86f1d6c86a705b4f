import { ConflictException, HttpException, Injectable, NotFoundException } from '@nestjs/common';
import { sql } from 'kysely';

import type { Workflow, WorkflowList } from '../../contract/index.js';
import { Database } from '../database/index.js';
import type { CompiledWorkflow } from './compiled-workflow.js';
import { shownParameters } from './parameter-defs.js';

/** One version of a workflow, as stored. */
export interface WorkflowVersion {
  readonly id: string;
  readonly version: number;
  readonly workflow_slug: string;
  readonly workflow_status: 'active' | 'disabled';
  readonly definition: CompiledWorkflow;
}

interface WorkflowRow extends WorkflowVersion {
  readonly created_at: Date;
  readonly updated_at: Date;
}

const LISTED = [
  'display_name',
  'description',
  'tags',
  'required_labels',
  'task_timeout',
  'max_retries',
  'confirm',
  'document_version',
  'is_tool',
] as const satisfies (keyof CompiledWorkflow)[];
const ODD_ESCAPES = String.raw`\\u(0000|d)`;
type ListedRow = Omit<WorkflowRow, 'definition'> & {
  readonly definition: Pick<CompiledWorkflow, (typeof LISTED)[number]>;
};

interface WorkflowPage {
  readonly current_page: number;
  readonly per_page: number;
  /** Words, in any case. */
  readonly query?: string | undefined;
  /** Only active workflows that are tools of their own, with their parameters. */
  readonly areTools?: boolean;
}

/** Identifies a workflow: by id, or by slug with or without a version. */
export type WorkflowName = { readonly id: string } | { readonly slug: string };

const SLUG_WITH_VERSION = /^([a-z0-9-]{1,100})(?:@([1-9]\d{0,8}))?$/;

/** Reads workflows; a team sees only its own. */
@Injectable()
export class WorkflowCatalog {
  constructor(private readonly database: Database) {}

  /** Newest first, including disabled workflows; with a query, those in which all of its words occur. */
  async list(
    teamId: string,
    { current_page, per_page, query = '', areTools = false }: WorkflowPage,
  ): Promise<WorkflowList> {
    const found = wordsOf(query).reduce(
      (workflows, word) => workflows.where(searchedText, 'like', `%${escapedLike(word)}%`),
      areTools ? this.tools(teamId) : this.newest(teamId),
    );
    const [rows, { total_count }] = await Promise.all([
      found
        // A whole definition may have hundreds of kilobytes; a list shows little of it.
        .select(areTools ? wholeDefinition.as('definition') : listedDefinition().as('definition'))
        .orderBy('w.id', 'desc')
        .limit(per_page)
        .offset((current_page - 1) * per_page)
        .execute(),
      found
        .clearSelect()
        .select(({ fn }) => fn.countAll<string>().as('total_count'))
        .executeTakeFirstOrThrow(),
    ]);
    return {
      workflow_list: rows.map((row) => (areTools ? presentWhole(row as WorkflowRow) : present(row))),
      page_meta: { current_page, per_page, total_count: Number(total_count) },
    };
  }

  async get(teamId: string, name: WorkflowName): Promise<Workflow> {
    const row = await this.find(teamId, name);
    return presentWhole(row);
  }

  /** The version that a run would use. */
  version(teamId: string, name: WorkflowName): Promise<WorkflowVersion> {
    return this.find(teamId, name);
  }

  private async find(teamId: string, name: WorkflowName): Promise<WorkflowRow> {
    const query =
      'id' in name ? this.newest(teamId).where('w.id', '=', name.id) : this.bySlug(teamId, name.slug);
    const row = await query?.select('v.definition').executeTakeFirst();
    if (row) return row as WorkflowRow;
    throw new NotFoundException('resource not found');
  }

  private bySlug(teamId: string, text: string) {
    const [, slug, version] = SLUG_WITH_VERSION.exec(text) ?? [];
    if (slug === undefined) return undefined;
    const versions =
      version === undefined
        ? this.newest(teamId)
        : this.versions(teamId).where('v.version', '=', Number(version));
    return versions.where('w.workflow_slug', '=', slug);
  }

  private newest(teamId: string) {
    return this.versions(teamId).whereRef('v.version', '=', 'w.version');
  }

  private tools(teamId: string) {
    return this.newest(teamId).where('w.workflow_status', '=', 'active').where(isTool);
  }

  private versions(teamId: string) {
    return this.database.db
      .selectFrom('workflow as w')
      .innerJoin('workflow_version as v', 'v.workflow_id', 'w.id')
      .select(['w.id', 'w.workflow_slug', 'w.workflow_status', 'w.created_at', 'w.updated_at'])
      .select('v.version')
      .where('w.team_id', '=', teamId)
      .where('v.team_id', '=', teamId);
  }
}

/** @throws {ConflictException} when the workflow is disabled. */
export function checkRunnable({ workflow_slug, workflow_status }: WorkflowVersion): void {
  if (workflow_status === 'active') return;
  throw new ConflictException(
    `Workflow "${workflow_slug}" is disabled and takes no new runs: its definition was removed.`,
  );
}

const CONFIRMATION_REQUIRED = 428;

/** @throws {HttpException} 428 for a workflow that wants its runs confirmed. */
export function checkConfirmed({ workflow_slug, version, definition }: WorkflowVersion): void {
  if (definition.confirm === undefined) return;
  throw new HttpException(
    `Workflow "${workflow_slug}" wants a confirmation before a run: ${definition.confirm} Nothing was started. If the user agrees, send the run to /r/workflows/slug/${workflow_slug}@${version}/run without the header Cyberun-Confirm: then no later version runs.`,
    CONFIRMATION_REQUIRED,
  );
}

/** Slug, title, summary and tags in lower case; of definitions whose fields cannot be extracted, the slug. */
const searchedText = sql<string>`lower(case when v.definition::text ~ ${sql.lit(ODD_ESCAPES)} then w.workflow_slug
  else concat_ws(' ', w.workflow_slug, v.definition ->> 'display_name', v.definition ->> 'description',
    v.definition ->> 'tags') end)`;

const isTool = sql<boolean>`case when v.definition::text ~ ${sql.lit(ODD_ESCAPES)}
  then v.definition::text like '%"is_tool":true%' else v.definition ->> 'is_tool' = 'true' end`;

const wholeDefinition = sql<CompiledWorkflow>`v.definition`;

const wordsOf = (query: string): string[] =>
  query
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');

/** `%`, `_` and `\` have a meaning in LIKE. */
const escapedLike = (word: string): string => word.replaceAll(/[%_\\]/g, String.raw`\$&`);

/** PostgreSQL cannot extract fields from JSON with NUL or lone surrogates in strings; such definitions are read whole. */
function listedDefinition() {
  const fields = LISTED.flatMap((name) => [sql.lit(name), sql`v.definition -> ${sql.lit(name)}`]);
  return sql<ListedRow['definition']>`case when v.definition::text ~ ${sql.lit(ODD_ESCAPES)} then v.definition
    else json_strip_nulls(json_build_object(${sql.join(fields)})) end`;
}

function present({ definition, ...row }: ListedRow): Workflow {
  return {
    id: row.id,
    workflow_slug: row.workflow_slug,
    display_name: definition.display_name,
    version: row.version,
    workflow_status: row.workflow_status,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    description: definition.description,
    ...(definition.tags && { tags: definition.tags }),
    required_labels: definition.required_labels,
    task_timeout: definition.task_timeout,
    max_retries: definition.max_retries,
    ...(definition.confirm !== undefined && { confirm: definition.confirm }),
    default_dispatch_target: 'agent',
    document_version: definition.document_version,
    ...(definition.is_tool && { is_tool: true }),
  };
}

/** A workflow with its parameters. */
const presentWhole = (row: WorkflowRow): Workflow => ({
  ...present(row),
  ...shownParameters(row.definition.schema),
});
