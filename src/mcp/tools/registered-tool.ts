import { SetMetadata } from '@nestjs/common';
import type { BaseRpcContext, MessageHandler, Transport } from '@nestjs/microservices';
import {
  type DynamicToolDefinition,
  MCP_PUBLIC_METADATA_KEY,
  MCP_ROLES_MATCH_METADATA_KEY,
  MCP_ROLES_METADATA_KEY,
  MCP_SCOPES_MATCH_METADATA_KEY,
  MCP_SCOPES_METADATA_KEY,
  MCP_TOOL_METADATA_KEY,
  type ToolMetadata,
} from '@rekog/mcp-nest';
import { firstValueFrom, isObservable } from 'rxjs';

import { isAllowed, type McpHttpRequest, permissionOf } from '../auth/index.js';
import type { RequestContext } from './tool-context.js';
import { type TaskSupport, taskSupportOf } from './task-providers.js';
import { isReading } from './tool-policy.js';
import type { ShownTool } from './tool-rules.js';
import { ToolSchema } from './tool-schema.js';
import { toolsetOf } from './toolsets.js';

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

/** The method behind a tool, resource, prompt or completion. */
export interface DeclaredMethod {
  readonly invoke: Invoke;
  /** The permission that a key needs to call it. */
  readonly permission: string | undefined;
}

/** A tool as it is listed and called. */
export interface RegisteredTool extends DeclaredMethod {
  readonly name: string;
  readonly metadata: ToolMetadata;
  readonly input: ToolSchema | undefined;
  readonly output: ToolSchema | undefined;
  /** The response to a call that takes long is an event stream from the start. */
  readonly streaming: Streamed | undefined;
  /** It may answer with a task. */
  readonly tasks: TaskSupport | undefined;
  /** The toolset it belongs to; `undefined` for a tool of every connection. */
  readonly toolset: string | undefined;
  /** Its entry in tools/list. */
  readonly listing: object;
}

/** Whether the response to a call is an event stream from the start. */
export function isStreamed({ streaming }: RegisteredTool, { arguments: args }: GivenArguments = {}): boolean {
  if (!streaming?.when) return streaming !== undefined;
  return streaming.when(typeof args === 'object' && args !== null ? (args as GivenArguments) : {});
}

/** Whether the key may call a tool, as far as its permissions are known. */
export const isPermitted = (
  { permission }: RegisteredTool,
  { auth }: Pick<McpHttpRequest, 'auth'>,
): boolean => permission === undefined || isAllowed(auth, permission);

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
  return {
    ...registered(metadataOf(method, key), declaredMethod(handler, hooks)),
    streaming: read(STREAMING) as Streamed | undefined,
    tasks: taskSupportOf(method),
    toolset: toolsetOf(method),
  };
}

/** What the decorators of mcp-nest say about the method of a tool. */
function metadataOf(method: object, key: string): ToolMetadata {
  const read = (name: string): unknown => Reflect.getMetadata(name, method);
  const options = (read(MCP_TOOL_METADATA_KEY) ?? {}) as Partial<ToolMetadata>;
  return {
    ...options,
    name: options.name ?? key,
    isPublic: read(MCP_PUBLIC_METADATA_KEY),
    requiredScopes: read(MCP_SCOPES_METADATA_KEY),
    requiredScopesMatch: read(MCP_SCOPES_MATCH_METADATA_KEY),
    requiredRoles: read(MCP_ROLES_METADATA_KEY),
    requiredRolesMatch: read(MCP_ROLES_MATCH_METADATA_KEY),
  } as ToolMetadata;
}

/** A tool as it will be listed; `undefined` for a method that is none. */
export function listedToolOf(method: object, key: string): ShownTool | undefined {
  if (!Reflect.hasMetadata(MCP_TOOL_METADATA_KEY, method)) return undefined;
  const metadata = metadataOf(method, key);
  const { parameters, outputSchema } = metadata;
  const schemas = [parameters && new ToolSchema(parameters), outputSchema && new ToolSchema(outputSchema)];
  return listingOf(metadata, ...schemas) as ShownTool;
}

/**
 * Invokes the handler that Nest made of a method, with guards, interceptors, pipes and filters inside.
 *
 * @param hooks read for each call, because instrumentation may replace them.
 */
const throughNest =
  (handler: MessageHandler, hooks: ProcessingHooks): Invoke =>
  async (payload, context) => {
    const { transportId, onProcessingStartHook: onStart, onProcessingEndHook: onEnd } = hooks;
    let outcome: Promise<unknown> | undefined;
    const run = (): Promise<unknown> => (outcome = handler(payload, context));
    try {
      const started: unknown = onStart(transportId, context, run);
      // Nest's own hook returns nothing and has run it by now; that of instrumentation may take longer.
      if (started instanceof Promise) await started;
      const result: unknown = await outcome;
      return isObservable(result) ? await firstValueFrom(result, { defaultValue: undefined }) : result;
    } finally {
      onEnd?.(transportId, context);
    }
  };

/** A method with a decorator; it runs in Nest's pipeline. */
export function declaredMethod(handler: MessageHandler, hooks: ProcessingHooks): DeclaredMethod {
  const { mcpMethodRef } = handler.extras as unknown as MethodExtras;
  return { invoke: throughNest(handler, hooks), permission: permissionOf(mcpMethodRef) };
}

/** A tool registered while the server runs, without Nest's pipeline. */
export function dynamicTool({ handler, ...metadata }: DynamicToolDefinition): RegisteredTool {
  const invoke: Invoke = async (payload, context) =>
    (await handler(payload as Record<string, unknown>, context, context.getRawRequest())) as unknown;
  return registered(metadata, { invoke, permission: undefined });
}

function registered(metadata: ToolMetadata, method: DeclaredMethod): RegisteredTool {
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
    ...method,
    toolset: undefined,
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
