import { SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';
import { Inject, Injectable } from '@nestjs/common';
import { ToolAuthorizationService } from '@rekog/mcp-nest';
import { LRUCache } from 'lru-cache';

import type { McpHttpRequest } from '../auth/index.js';
import { EncodedResult } from '../calls/index.js';
import { type RevisionFamily, SERVER_INFO, type ServerInfo } from '../protocol/index.js';
import { changesTasksOf, isPermitted, type RegisteredTool } from './registered-tool.js';
import { ToolPolicy } from './tool-policy.js';
import { Toolsets } from './toolsets.js';

type User = Parameters<ToolAuthorizationService['canAccessTool']>[0];

/** The request of the client that is shown the tools. */
export type Viewer = Pick<McpHttpRequest, 'auth' | 'toolsets'>;

/** Choices of toolsets whose list is kept. */
const LISTS_CAP = 100;

/** The list in the form of each family of revisions. */
type Lists = Readonly<Record<RevisionFamily, EncodedResult>>;

/** Result members of 2026-07-28 that forbid caching. */
const UNCACHED = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } as const;

/** The registry of tools, with the encoded result of tools/list. */
@Injectable()
export class ToolRegistry {
  private readonly authorization = new ToolAuthorizationService();
  private readonly tools = new Map<string, RegisteredTool>();
  /** By the rules for their keys, and the names of the tools of toolsets in them. */
  private readonly lists = new LRUCache<string, Lists>({ max: LISTS_CAP });
  /** Whether some tools require scopes or roles. */
  private isPersonal = false;

  constructor(
    @Inject(SERVER_INFO) private readonly info: ServerInfo,
    private readonly toolsets: Toolsets,
    private readonly policy: ToolPolicy,
  ) {}

  find(name: string): RegisteredTool | undefined {
    return this.tools.get(name);
  }

  put(tool: RegisteredTool): void {
    if (tool.toolset !== undefined) this.toolsets.declare(tool.toolset);
    this.tools.set(tool.name, tool);
    this.changed();
  }

  remove(name: string): void {
    this.tools.delete(name);
    this.changed();
  }

  /** The tools that any user may have here: not those of a toolset that is not allowed, or that ask for scopes or roles. */
  allowed(): RegisteredTool[] {
    const isAllowed = (tool: RegisteredTool): boolean =>
      !asksForMore(tool) &&
      (tool.toolset === undefined || this.toolsets.isAllowed(tool.toolset)) &&
      this.policy.refusalForAll(tool) === undefined;
    return [...this.tools.values()].filter(isAllowed);
  }

  /** The permissions that tools need: all of them, or those that are meant. */
  permissions(isMeant: (tool: RegisteredTool) => boolean = () => true): ReadonlySet<string> {
    const meant = [...this.tools.values()].filter(isMeant);
    return new Set(meant.flatMap(({ permission }) => permission ?? []));
  }

  /** Whether the policy allows the tool to the client, and its connection has chosen the toolset of the tool. */
  isOffered(tool: RegisteredTool, viewer: Viewer): boolean {
    const { toolset } = tool;
    if (!this.policy.allows(tool, viewer)) return false;
    return toolset === undefined || this.toolsets.includes(viewer.toolsets ?? '', toolset);
  }

  /** The instructions for a client, which name only tools that it has. */
  instructionsFor(viewer: Viewer): string {
    return this.info.instructions((name) => {
      const tool = this.tools.get(name);
      return tool !== undefined && this.isOffered(tool, viewer);
    });
  }

  /** Why the connection has not a tool, and how to get it; empty for an unknown one. */
  adviceOn(name: string, viewer: Viewer): string {
    const tool = this.tools.get(name);
    if (!tool) return '';
    const refusal = this.policy.refusal(tool, viewer);
    if (refusal !== undefined) return `: ${refusal}`;
    const { toolset } = tool;
    if (toolset === undefined || !this.toolsets.isAllowed(toolset)) return '';
    return `: it belongs to the toolset "${toolset}", which this connection has not chosen. Connect with ?toolsets=${toolset} or the header X-MCP-Toolsets`;
  }

  /** Tools a client may see: those of its toolsets that its key may call, and of all for which it has scopes and roles. */
  listFor(viewer: Viewer): { tools: object[] } {
    const user = userOf(viewer) as User;
    const seen = [...this.tools.values()].filter(
      (tool) => this.isShown(tool, viewer) && this.authorization.canAccessTool(user, tool),
    );
    return { tools: seen.map(({ listing }) => listing) };
  }

  /** Whether the policy leaves the client a tool that changes something, of those that answer with tasks of a provider. */
  mayChangeTasksOf(provider: object, viewer: Viewer): boolean {
    const changing = [...this.tools.values()].filter((tool) => changesTasksOf(tool, provider));
    return changing.length === 0 || changing.some((tool) => this.policy.allows(tool, viewer));
  }

  /** @throws {SettingError} when the settings name a tool that does not exist or cannot be had. */
  requireKnownNames(mayBeMore: boolean): void {
    const allowsToolset = (name: string): boolean => this.toolsets.isAllowed(name);
    this.policy.requireKnown([...this.tools.values()], { mayBeMore, allowsToolset });
  }

  /** @throws {ProtocolError} when the tool asks for scopes or roles the user lacks. */
  authorize(tool: RegisteredTool, user: unknown): void {
    if (asksForMore(tool)) this.authorization.validateToolAccess(user as User, tool);
  }

  /** The result of tools/list as encoded JSON, shared between clients if no tool requires scopes or roles. */
  encodedList(family: RevisionFamily, viewer: Viewer): EncodedResult {
    if (this.isPersonal) return this.serialised(viewer)[family];
    const group = this.policy.groupOf(viewer);
    const chosen = this.chosenTools(viewer);
    const name = group === '' ? chosen : `${group}|${chosen}`;
    let lists = this.lists.get(name);
    if (!lists) this.lists.set(name, (lists = this.serialised(viewer)));
    return lists[family];
  }

  /** The names of the tools that a client sees besides those of every connection. */
  private chosenTools(viewer: Viewer): string {
    if (viewer.toolsets === undefined || viewer.toolsets === '') return '';
    const chosen = [...this.tools.values()].filter((tool) => tool.toolset && this.isShown(tool, viewer));
    return chosen.map(({ name }) => name).join(',');
  }

  /** Tools of every connection are listed for every key, so that a client learns what they need. */
  private isShown(tool: RegisteredTool, viewer: Viewer): boolean {
    return this.isOffered(tool, viewer) && (tool.toolset === undefined || isPermitted(tool, viewer));
  }

  private changed(): void {
    this.lists.clear();
    this.isPersonal = [...this.tools.values()].some(asksForMore);
  }

  /** A list of tools as encoded JSON. */
  encoded(family: RevisionFamily, tools: readonly object[]): EncodedResult {
    if (family === 'sessions') return new EncodedResult({ tools });
    const _meta = { [SERVER_INFO_META_KEY]: this.info.implementation };
    return new EncodedResult({ tools, ...UNCACHED, _meta });
  }

  private serialised(viewer: Viewer): Lists {
    const { tools } = this.listFor(viewer);
    return { sessions: this.encoded('sessions', tools), stateless: this.encoded('stateless', tools) };
  }
}

/** The user that a third-party guard attached to the request. */
export const userOf = (rawRequest: unknown): unknown =>
  typeof rawRequest === 'object' && rawRequest !== null ? Reflect.get(rawRequest, 'user') : undefined;

const asksForMore = ({ metadata }: RegisteredTool): boolean =>
  (metadata.requiredScopes?.length ?? 0) + (metadata.requiredRoles?.length ?? 0) > 0;
