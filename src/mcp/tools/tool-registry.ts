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
import { firstValueFrom, isObservable } from 'rxjs';

import { EncodedResult } from '../calls/index.js';
import { type RevisionFamily, SERVER_INFO, type ServerInfo } from '../protocol/index.js';
import type { ToolContext } from './tool-context.js';
import { ToolSchema } from './tool-schema.js';

const STREAMING = 'cyberun:streaming';

/** How a tool streams. */
interface Streamed {
  /** Advice for a client whose call was lost with its process, from arguments that are not validated yet. */
  readonly whenLost?: (args: Readonly<Record<string, unknown>>) => string;
}

/**
 * Marks a tool that takes long: its response is an event stream from the start, and a comment every fifteen seconds
 * keeps it alive while the tool reports nothing.
 */
export const Streaming = (streamed: Streamed = {}): MethodDecorator => SetMetadata(STREAMING, streamed);

/** Runs a tool method. */
type Invoke = (payload: unknown, context: ToolContext) => Promise<unknown>;

/** A tool as it is listed and called. */
export interface RegisteredTool {
  readonly name: string;
  readonly metadata: ToolMetadata;
  readonly input: ToolSchema | undefined;
  readonly output: ToolSchema | undefined;
  /** Its response is an event stream from the start. */
  readonly streaming: Streamed | undefined;
  readonly invoke: Invoke;
  /** Its entry in tools/list. */
  readonly listing: object;
}

/** The hooks of Nest's instrumentation, as Nest's own servers have them. */
interface ProcessingHooks {
  readonly transportId: Transport | symbol;
  readonly onProcessingStartHook: (
    transportId: Transport | symbol,
    context: BaseRpcContext,
    run: () => Promise<unknown>,
  ) => void;
  readonly onProcessingEndHook?: (transportId: Transport | symbol, context: BaseRpcContext) => void;
}

/** What mcp-nest notes about the method of a tool. */
interface Extras {
  readonly mcpMethodKey: string;
  readonly mcpMethodRef: object;
}

/** A tool declared by mcp-nest's decorators on a method, which runs in Nest's pipeline. */
export function declaredTool(handler: MessageHandler, hooks: ProcessingHooks): RegisteredTool {
  const { mcpMethodKey: key, mcpMethodRef: method } = handler.extras as unknown as Extras;
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
  return registered(metadata, throughNest(handler, hooks), read(STREAMING) as Streamed | undefined);
}

/**
 * Invokes the handler that Nest made of a tool method, with guards, interceptors, pipes and filters inside.
 *
 * @param hooks read for each call, because instrumentation may replace them.
 */
const throughNest =
  (handler: MessageHandler, hooks: ProcessingHooks): Invoke =>
  async (payload, context) => {
    const { transportId, onProcessingStartHook: onStart, onProcessingEndHook: onEnd } = hooks;
    let outcome: Promise<unknown> | undefined;
    const run = (): Promise<unknown> => (outcome = settled(handler, payload, context));
    try {
      await Promise.resolve(onStart(transportId, context, run));
      return await outcome;
    } finally {
      onEnd?.(transportId, context);
    }
  };

async function settled(handler: MessageHandler, payload: unknown, context: ToolContext): Promise<unknown> {
  const result: unknown = await handler(payload, context);
  return isObservable(result) ? firstValueFrom(result, { defaultValue: undefined }) : result;
}

/** A tool registered while the server runs, without Nest's pipeline. */
export function dynamicTool({ handler, ...metadata }: DynamicToolDefinition): RegisteredTool {
  const invoke: Invoke = async (payload, context) =>
    (await handler(payload as Record<string, unknown>, context, context.getRawRequest())) as unknown;
  return registered(metadata, invoke, undefined);
}

function registered(metadata: ToolMetadata, invoke: Invoke, streaming: Streamed | undefined): RegisteredTool {
  const { name, parameters, outputSchema } = metadata;
  const input = parameters && new ToolSchema(parameters);
  const output = outputSchema && new ToolSchema(outputSchema);
  return { name, metadata, input, output, streaming, invoke, listing: listingOf(metadata, input, output) };
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

/** The list in the form of each family of revisions. */
type Lists = Readonly<Record<RevisionFamily, EncodedResult>>;

/** Result members of 2026-07-28 that forbid caching. */
const UNCACHED = { resultType: 'complete', ttlMs: 0, cacheScope: 'private' } as const;

/** The registry of tools, with the encoded result of tools/list. */
@Injectable()
export class ToolRegistry {
  private readonly authorization = new ToolAuthorizationService();
  private readonly tools = new Map<string, RegisteredTool>();
  private lists: Lists | undefined;
  /** Whether some tools require scopes or roles. */
  private isPersonal = false;

  constructor(@Inject(SERVER_INFO) private readonly info: ServerInfo) {}

  find(name: string): RegisteredTool | undefined {
    return this.tools.get(name);
  }

  put(tool: RegisteredTool): void {
    this.tools.set(tool.name, tool);
    this.changed();
  }

  remove(name: string): void {
    this.tools.delete(name);
    this.changed();
  }

  /** Tools a user may see; all of them, unless a tool asks for scopes or roles. */
  listFor(user: unknown): { tools: object[] } {
    const seen = [...this.tools.values()].filter((tool) =>
      this.authorization.canAccessTool(user as User, tool),
    );
    return { tools: seen.map(({ listing }) => listing) };
  }

  /** @throws {ProtocolError} when the tool asks for scopes or roles the user lacks. */
  authorize(tool: RegisteredTool, user: unknown): void {
    if (asksForMore(tool)) this.authorization.validateToolAccess(user as User, tool);
  }

  /** The result of tools/list as encoded JSON, shared between clients if no tool requires scopes or roles. */
  encodedList(family: RevisionFamily, user: unknown): EncodedResult {
    if (this.isPersonal) return this.serialised(user)[family];
    return (this.lists ??= this.serialised(undefined))[family];
  }

  private changed(): void {
    this.lists = undefined;
    this.isPersonal = [...this.tools.values()].some(asksForMore);
  }

  private serialised(user: unknown): Lists {
    const list = this.listFor(user);
    const _meta = { [SERVER_INFO_META_KEY]: this.info.implementation };
    return {
      sessions: new EncodedResult(list),
      stateless: new EncodedResult({ ...list, ...UNCACHED, _meta }),
    };
  }
}

const asksForMore = ({ metadata }: RegisteredTool): boolean =>
  (metadata.requiredScopes?.length ?? 0) + (metadata.requiredRoles?.length ?? 0) > 0;
