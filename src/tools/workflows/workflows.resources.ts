import { type Resource, ResourceNotFoundError } from '@modelcontextprotocol/server';
import { Ctx, Payload } from '@nestjs/microservices';
import { McpController, ResourceTemplate } from '@rekog/mcp-nest';

import { PER_PAGE_LIMIT, type Workflow } from '../../contract/index.js';
import {
  type Candidates,
  Completion,
  type CompletionPayload,
  RequestContext,
  ResourceList,
  type ResourcePage,
  type ResourcePageQuery,
} from '../../mcp/index.js';
import { goesOnAfter, ranked } from '../completions.js';
import { brief } from '../concise.js';
import { workflowSlugInput } from '../workflow-names.js';
import { WorkflowsService } from './workflows.service.js';

const MOST_VERSIONS = 1000;
const NEWEST = 'workflow://{slug}';
const VERSION = 'workflow://{slug}@{version}';
const LONGEST_DESCRIPTION = 200;
/** What a slug, with or without a version, is made of. */
const TYPED_SLUG = /^[\w.@-]*$/;

interface ReadPayload {
  readonly uri: string;
  readonly slug: string;
  readonly version?: string;
}

/** The workflows of the team as resources, and suggestions for their slugs. */
@McpController()
export class WorkflowsResources {
  constructor(private readonly workflows: WorkflowsService) {}

  @ResourceTemplate({
    name: 'workflow',
    uriTemplate: NEWEST,
    description: 'The newest version of a workflow: what it does and the parameters of a run.',
    mimeType: 'application/json',
  })
  readNewest(@Payload() { uri, slug }: ReadPayload, @Ctx() { caller }: RequestContext): Promise<Workflow> {
    if (!isSlug(slug)) throw new ResourceNotFoundError(uri);
    return this.workflows.getBySlug(caller, slug);
  }

  @ResourceTemplate({
    name: 'workflow_version',
    uriTemplate: VERSION,
    description: 'One version of a workflow: what it does and the parameters of a run.',
    mimeType: 'application/json',
  })
  readVersion(
    @Payload() { uri, slug, version = '' }: ReadPayload,
    @Ctx() { caller }: RequestContext,
  ): Promise<Workflow> {
    const name = `${slug}@${version}`;
    if (!isSlug(name)) throw new ResourceNotFoundError(uri);
    return this.workflows.getBySlug(caller, name);
  }

  @ResourceList('workflows')
  async list(@Payload() page: ResourcePageQuery, @Ctx() { caller }: RequestContext): Promise<ResourcePage> {
    const { workflow_list, page_meta } = await this.workflows.list(caller, page);
    return {
      resources: workflow_list.filter(isActive).flatMap(resourceOf),
      hasMore: goesOnAfter(page, page_meta?.total_count),
    };
  }

  @Completion(
    { uriTemplate: NEWEST, argument: 'slug' },
    { uriTemplate: VERSION, argument: 'slug' },
    { prompt: 'run_workflow', argument: 'workflow_slug' },
    { prompt: 'what_failed_today', argument: 'workflow_slug' },
  )
  async completeSlug(
    @Payload() { value }: CompletionPayload,
    @Ctx() { caller }: RequestContext,
  ): Promise<Candidates> {
    if (!TYPED_SLUG.test(value)) return { values: [] };
    const page = { current_page: 1, per_page: PER_PAGE_LIMIT };
    const { workflow_list, page_meta } = await this.workflows.search(caller, page, value);
    const slugs = workflow_list.filter(isActive).flatMap(({ workflow_slug }) => workflow_slug ?? []);
    return { values: ranked(slugs, value), hasMore: goesOnAfter(page, page_meta?.total_count) };
  }

  @Completion({ uriTemplate: VERSION, argument: 'version' })
  async completeVersion(
    @Payload() { value, given: { slug = '' } }: CompletionPayload,
    @Ctx() { caller }: RequestContext,
  ): Promise<Candidates> {
    if (!isSlug(slug)) return { values: [] };
    const page = { current_page: 1, per_page: PER_PAGE_LIMIT };
    const { workflow_list } = await this.workflows.search(caller, page, slug);
    const newest = workflow_list.find(({ workflow_slug }) => workflow_slug === slug)?.version ?? 0;
    // A Runtime API may count its versions by dates, so not all of them are written down.
    const count = Math.min(newest, MOST_VERSIONS);
    const versions = Array.from({ length: count }, (_none, index) => String(newest - index));
    return { values: versions.filter((version) => version.startsWith(value)) };
  }
}

const isSlug = (text: string): boolean => workflowSlugInput.safeParse(text).success;

const isActive = ({ workflow_status }: Workflow): boolean => workflow_status !== 'disabled';

function resourceOf({ workflow_slug, version, display_name, description }: Workflow): Resource[] {
  if (workflow_slug === undefined) return [];
  const name = version === undefined ? workflow_slug : `${workflow_slug}@${version}`;
  const summary = brief(description, LONGEST_DESCRIPTION);
  return [
    {
      uri: `workflow://${name}`,
      name,
      ...(display_name !== undefined && { title: display_name }),
      ...(summary && { description: summary }),
      mimeType: 'application/json',
    },
  ];
}
