import { Inject, Injectable } from '@nestjs/common';
import {
  type ListResourcesResult,
  type ListResourceTemplatesResult,
  ProtocolError,
  ProtocolErrorCode,
  type Resource,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import type { ResourceMetadata, ResourceTemplateMetadata } from '@rekog/mcp-nest';

import { CONFIG, type Config } from '../../config/index.js';
import { type DeclaredMethod, type RequestContext, toToolResult } from '../tools/index.js';
import type { ResourcePage, ResourcePageQuery } from './decorators.js';
import { UriTemplate } from './uri-template.js';

/** Entries that each list has on a page: some hosts show a page to a model. */
const PER_PAGE = 25;
const CURSOR = /^page-([1-9]\d{0,5})$/;
const JSON_TYPE = 'application/json';

/** How a resource is read. */
interface Readable extends DeclaredMethod {
  readonly mimeType?: string | undefined;
}

interface Pattern extends Readable {
  readonly template: UriTemplate;
}

interface Found extends Readable {
  readonly variables: Readonly<Record<string, string>>;
}

/** The requests of the resources: what there is, by entry and by template, and the content of each. */
@Injectable()
export class ResourceRequests {
  private readonly resources = new Map<string, DeclaredMethod & { readonly entry: ResourceMetadata }>();
  private readonly templates: ResourceTemplateMetadata[] = [];
  private readonly lists: DeclaredMethod[] = [];
  /** By how well they describe what they match. */
  private patterns: Pattern[] = [];

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  get size(): number {
    return this.resources.size + this.templates.length;
  }

  put(entry: ResourceMetadata, method: DeclaredMethod): void {
    this.resources.set(entry.uri, { entry, ...method });
  }

  remove(uri: string): void {
    this.resources.delete(uri);
  }

  putTemplate(entry: ResourceTemplateMetadata, method: DeclaredMethod): void {
    this.templates.push(entry);
    const readable = { template: new UriTemplate(entry.uriTemplate), mimeType: entry.mimeType, ...method };
    this.patterns = [...this.patterns, readable].toSorted(
      (one, other) => other.template.literalLength - one.template.literalLength,
    );
  }

  putList(method: DeclaredMethod): void {
    this.lists.push(method);
  }

  /** Names of the variables of a template, none for a resource; `undefined` when there is neither. */
  variablesOf(uri: string): readonly string[] | undefined {
    if (this.resources.has(uri)) return [];
    return this.patterns.find(({ template }) => template.text === uri)?.template.variables;
  }

  get listPermissions(): readonly (string | undefined)[] {
    return this.lists.map(({ permission }) => permission);
  }

  permissionOf(uri: unknown): string | undefined {
    return typeof uri === 'string' ? this.find(uri)?.permission : undefined;
  }

  /** The declared resources are on the first page. */
  async list(cursor: string | undefined, context: RequestContext): Promise<ListResourcesResult> {
    const current_page = pageOf(cursor);
    const query: ResourcePageQuery = { current_page, per_page: PER_PAGE };
    const pages = await Promise.all(
      this.lists.map(async ({ invoke }) => (await invoke(query, context)) as ResourcePage),
    );
    const declared = current_page === 1 ? [...this.resources.values()].map(({ entry }) => entry) : [];
    const listed: Resource[] = pages.flatMap((page) => page.resources);
    return {
      resources: [...declared, ...listed],
      ...(pages.some(({ hasMore }) => hasMore) && { nextCursor: `page-${current_page + 1}` }),
    };
  }

  listTemplates(): ListResourceTemplatesResult {
    return { resourceTemplates: this.templates };
  }

  /** @throws {ResourceNotFoundError} when no resource and no template has this form. */
  async read(params: { readonly uri: string }, context: RequestContext): Promise<object> {
    const { uri } = params;
    const found = this.find(uri);
    if (!found) throw new ResourceNotFoundError(uri);
    const { invoke, variables, mimeType = JSON_TYPE } = found;
    const value = await invoke({ ...params, ...variables, uri }, context);
    if (isReadResult(value)) return value;
    // The value of a method of ours, within the limit of every reply.
    const { structuredContent } = toToolResult(value, this.config.mcpReplyTokens);
    return { contents: [{ uri, mimeType, text: JSON.stringify(structuredContent) }] };
  }

  private find(uri: string): Found | undefined {
    const declared = this.resources.get(uri);
    if (declared) return { ...declared, mimeType: declared.entry.mimeType, variables: {} };
    for (const pattern of this.patterns) {
      const variables = pattern.template.match(uri);
      if (variables) return { ...pattern, variables };
    }
    return undefined;
  }
}

/** A result of the protocol, or one that asks the client for input first. */
const isReadResult = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && ('contents' in value || 'resultType' in value);

/** @throws {ProtocolError} for a cursor of another server. */
function pageOf(cursor: string | undefined): number {
  // Some libraries send an empty cursor for the first page.
  if (cursor === undefined || cursor === '') return 1;
  const [, page] = CURSOR.exec(cursor) ?? [];
  if (page !== undefined) return Number(page);
  throw new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    'Invalid params: params.cursor is not one of this server; leave it out to begin with the first page.',
  );
}
