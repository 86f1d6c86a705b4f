import { ProtocolError, ResourceNotFoundError } from '@modelcontextprotocol/server';
import { Inject, Injectable } from '@nestjs/common';
import type { MessageHandler, MsPattern } from '@nestjs/microservices';
import { type DynamicToolDefinition, type McpServerOptions, McpStrategy } from '@rekog/mcp-nest';

import { SERVER_INFO, type ServerInfo } from '../protocol/index.js';
import { declaredTool, dynamicTool, ToolRegistry } from '../tools/index.js';
import { StreamableTransport } from './streamable.transport.js';

/** mcp-nest's strategy over our transport; keeps the registry of tools in sync with it and with Nest. */
@Injectable()
export class CyberunStrategy extends McpStrategy {
  /** Public, since the tools call them. */
  declare readonly onProcessingStartHook: McpStrategy['onProcessingStartHook'];
  declare readonly onProcessingEndHook: McpStrategy['onProcessingEndHook'];
  constructor(
    @Inject(SERVER_INFO) { implementation, capabilities, instructions }: ServerInfo,
    transport: StreamableTransport,
    private readonly registry: ToolRegistry,
  ) {
    const options = {
      ...implementation,
      capabilities,
      instructions,
      transports: [transport],
      logging: false,
    };
    super(options as McpServerOptions);
  }

  /** @throws when a name is taken, because mcp-nest's strategy would silently drop one of the two. */
  override addHandler(
    pattern: MsPattern,
    callback: MessageHandler,
    isEvent?: boolean,
    extras?: Record<string, unknown>,
  ): void {
    const { mcpType, mcpName } = (extras ?? {}) as { mcpType?: string; mcpName?: string };
    if (mcpType !== undefined && this.messageHandlers.has(this.normalizePattern(pattern))) {
      throw new Error(`Two MCP ${mcpType}s are called "${String(mcpName)}". Rename one.`);
    }
    super.addHandler(pattern, callback, isEvent, extras);
  }

  override async listen(callback: (error?: unknown) => void): Promise<void> {
    for (const handler of this.getHandlers().values()) {
      if (handler.extras?.['mcpType'] === 'tool') this.registry.put(declaredTool(handler, this));
    }
    await super.listen(callback);
  }

  override bindRequestHandlers(...bound: Parameters<McpStrategy['bindRequestHandlers']>): void {
    namingMissingResources(bound[0].server, () => super.bindRequestHandlers(...bound));
  }

  override registerTool(definition: DynamicToolDefinition): void {
    this.registry.put(dynamicTool(definition));
    super.registerTool(definition);
  }

  override removeTool(name: string): void {
    this.registry.remove(name);
    super.removeTool(name);
  }
}

type Handle = (request: { readonly params: object }, context: unknown) => unknown;
type Register = (this: unknown, method: string, handler: Handle) => void;

/** The message of mcp-nest. */
const MISSING = /^Unknown resource: (?<uri>.*)$/s;

/**
 * While `bind` registers the handlers of mcp-nest on an SDK server, makes the one of `resources/read` name a resource
 * that is not there in the error's data, as 2026-07-28 asks (SEP-2164). The SDK has no hook around a handler.
 */
function namingMissingResources(server: object, bind: () => void): void {
  const stock = Reflect.get(server, 'setRequestHandler') as Register;
  const register: Register = (method, handler) =>
    stock.call(server, method, method === 'resources/read' ? naming(handler) : handler);
  Reflect.set(server, 'setRequestHandler', register);
  bind();
  Reflect.set(server, 'setRequestHandler', stock);
}

const naming =
  (read: Handle): Handle =>
  async (request, context) => {
    try {
      return await read(request, context);
    } catch (error) {
      const uri = error instanceof ProtocolError ? MISSING.exec(error.message)?.groups?.['uri'] : undefined;
      throw uri === undefined ? error : new ResourceNotFoundError(uri);
    }
  };
