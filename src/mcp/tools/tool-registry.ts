import { SERVER_INFO_META_KEY } from '@modelcontextprotocol/server';
import { Inject, Injectable, SetMetadata } from '@nestjs/common';
import type { BaseRpcContext, MessageHandler, Transport } from '@nestjs/microservices';
import {
  type DynamicToolDefinition,
  MCP_PUBLIC_METADATA_KEY,
  MCP_ROLES_MATCH_METADATA_KEY,
  MCP_ROLES_METADATA_KEY,
  MCP_SCOPES_MATCH_METADATA_KEY,
  MCP_SCOPES_METADATA_KEY,
  MCP_TOOL_METADATA_KEY,
  ToolAuthorizationService,
  type ToolMetadata,
} from '@rekog/mcp-nest';
import { LRUCache } from 'lru-cache';
import { firstValueFrom, isObservable } from 'rxjs';

import { isAllowed, type McpHttpRequest, permissionOf } from '../auth/index.js';
import { EncodedResult } from '../calls/index.js';
import { type RevisionFamily, SERVER_INFO, type ServerInfo } from '../protocol/index.js';
import type { RequestContext } from './tool-context.js';
import { type TaskSupport, taskSupportOf } from './task-providers.js';
import { isReading, ToolPolicy } from './tool-policy.js';
import { ToolSchema } from './tool-schema.js';
import { toolsetOf, Toolsets } from './toolsets.js';

const STREAMING = 'cyberun:streaming';

/** Arguments of a call, not validated yet. */
type GivenArguments = Readonly<Record<string, unknown>>;

/** How a tool streams. */
interface Streamed {
  /** Whether a call takes long; without it, every call does. */
  readonly when?: (args: GivenArguments) => boolean;
  /** Advice for a client whose call was lost with its process. */
  readonly whenLost?: (args: GivenArguments) => string;
}

/**
 * Marks a tool that takes long: its response is an event stream from the start, and a comment every fifteen seconds
 * keeps it alive while the tool reports nothing.
 */
export const Streaming = (streamed: Streamed = {}): MethodDecorator => SetMetadata(STREAMING, streamed);

/** Runs the method of a tool, resource, prompt or completion. */
export type Invoke = (payload: unknown, context: RequestContext) => Promise<unknown>;

/** A tool as it is listed and called. */
export interface RegisteredTool {
  readonly name: string;
  readonly metadata: ToolMetadata;
  readonly input: ToolSchema | undefined;
  readonly output: ToolSchema | undefined;
  /** The response to a call that takes long is an event stream from the start. */
  readonly streaming: Streamed | undefined;
  /** It may answer with a task. */
  readonly tasks: TaskSupport | undefined;
  readonly invoke: Invoke;
  /** The toolset it belongs to; `undefined` for a tool of every connection. */
  readonly toolset: string | undefined;
  /** The permission that a key needs to call it. */
  readonly permission: string | undefined;
  /** Its entry in tools/list. */
  readonly listing: object;
}

/** Whether the response to a call is an event stream from the start. */
export function isStreamed({ streaming }: RegisteredTool, { arguments: args }: GivenArguments = {}): boolean {
  if (!streaming?.when) return streaming !== undefined;
  return streaming.when(typeof args === 'object' && args !== null ? (args as GivenArguments) : {});
}

/** Whether the key may call a tool, as far as its permissions are known. */
export const isPermitted = ({ permission }: RegisteredTool, { auth }: Pick<Viewer, 'auth'>): boolean =>
  permission === undefined || isAllowed(auth, permission);

/** Whether a tool changes something, and may answer with a task of this provider. */
export const changesTasksOf = (tool: RegisteredTool, provider: object): boolean =>
  tool.tasks !== undefined && provider instanceof tool.tasks.provider && !isReading(tool);

/** The hooks of Nest's instrumentation, as Nest's own servers have them. */
export interface ProcessingHooks {
  readonly transportId: Transport | symbol;
  readonly onProcessingStartHook: (
    transportId: Transport | symbol,
    context: BaseRpcContext,
    run: () => Promise<unknown>,
  ) => void;
  readonly onProcessingEndHook?: (transportId: Transport | symbol, context: BaseRpcContext) => void;
}

/** What mcp-nest notes about a method. */
export interface MethodExtras {
  readonly mcpType?: string;
  readonly mcpMethodKey: string;
  readonly mcpMethodRef: object;
}

/** A tool declared by mcp-nest's decorators on a method, which runs in Nest's pipeline. */
export function declaredTool(handler: MessageHandler, hooks: ProcessingHooks): RegisteredTool {
  const { mcpMethodKey: key, mcpMethodRef: method } = handler.extras as unknown as MethodExtras;
  const read = (name: string): unknown => Reflect.getMetadata(name, method);
  const options = (read(MCP_TOOL_METADATA_KEY) ?? {}) as Partial<ToolMetadata>;
  const metadata = {
    ...options,
    name: options.name ?? key,
    isPublic: read(MCP_PUBLIC_METADATA_KEY),
    requiredScopes: read(MCP_SCOPES_METADATA_KEY),
    requiredScopesMatch: read(MCP_SCOPES_MATCH_METADATA_KEY),
    requiredRoles: read(MCP_ROLES_METADATA_KEY),
    requiredRolesMatch: read(MCP_ROLES_MATCH_METADATA_KEY),
  } as ToolMetadata;
  return {
    ...registered(metadata, throughNest(handler, hooks)),
    streaming: read(STREAMING) as Streamed | undefined,
    tasks: taskSupportOf(method),
    toolset: toolsetOf(method),
    permission: permissionOf(method),
  };
}

/**
 * Invokes the handler that Nest made of a method, with guards, interceptors, pipes and filters inside.
 *
 * @param hooks read for each call, because instrumentation may replace them.
 */
export const throughNest =
  (handler: MessageHandler, hooks: ProcessingHooks): Invoke =>
  async (payload, context) => {
    const { transportId, onProcessingStartHook: onStart, onProcessingEndHook: onEnd } = hooks;
    let outcome: Promise<unknown> | undefined;
    const run = (): Promise<unknown> => (outcome = settled(handler, payload, context));
    try {
      const started: unknown = onStart(transportId, context, run);
      // Nest's own hook returns nothing and has run it by now; that of instrumentation may take longer.
      if (started instanceof Promise) await started;
      return await outcome;
    } finally {
      onEnd?.(transportId, context);
    }
  };

async function settled(handler: MessageHandler, payload: unknown, context: RequestContext): Promise<unknown> {
  const result: unknown = await handler(payload, context);
  return isObservable(result) ? firstValueFrom(result, { defaultValue: undefined }) : result;
}

/** A tool registered while the server runs, without Nest's pipeline. */
export function dynamicTool({ handler, ...metadata }: DynamicToolDefinition): RegisteredTool {
  const invoke: Invoke = async (payload, context) =>
    (await handler(payload as Record<string, unknown>, context, context.getRawRequest())) as unknown;
  return registered(metadata, invoke);
}

function registered(metadata: ToolMetadata, invoke: Invoke): RegisteredTool {
  const { name, parameters, outputSchema } = metadata;
  const input = parameters && new ToolSchema(parameters);
  const output = outputSchema && new ToolSchema(outputSchema);
  return {
    name,
    metadata,
    input,
    output,
    streaming: undefined,
    tasks: undefined,
    invoke,
    toolset: undefined,
    permission: undefined,
    listing: listingOf(metadata, input, output),
  };
}

type Indexed = ToolMetadata & { readonly title?: string; readonly icons?: unknown };

function listingOf(metadata: Indexed, input?: ToolSchema, output?: ToolSchema): object {
  const { name, title, description, annotations, icons, _meta } = metadata;
  return {
    name,
    title: title ?? annotations?.title,
    description,
    inputSchema: input?.toJson('input') ?? { type: 'object', properties: {} },
    outputSchema: output?.toJson('output'),
    annotations,
    icons,
    _meta,
  };
}

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
