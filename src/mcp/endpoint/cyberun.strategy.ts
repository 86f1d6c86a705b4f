import { Inject, Injectable } from '@nestjs/common';
import type { MessageHandler, MsPattern } from '@nestjs/microservices';
import {
  type DynamicPromptDefinition,
  type DynamicResourceDefinition,
  type DynamicToolDefinition,
  type McpServerOptions,
  McpStrategy,
} from '@rekog/mcp-nest';

import { SERVER_INFO, type ServerInfo } from '../protocol/index.js';
import { DeclaredMethods } from '../resources/index.js';
import { declaredTool, dynamicTool, TaskProviders, ToolRegistry } from '../tools/index.js';
import { StreamableTransport } from './streamable.transport.js';

/** What mcp-nest notes about a handler of its own. */
interface Described {
  readonly mcpType?: string;
  readonly mcpName?: string;
  readonly mcpMethodRef?: object;
}

/** mcp-nest's strategy over our transport; keeps our registries in sync with it and with Nest. */
@Injectable()
export class CyberunStrategy extends McpStrategy {
  /** Public, since the tools call them. */
  declare readonly onProcessingStartHook: McpStrategy['onProcessingStartHook'];
  declare readonly onProcessingEndHook: McpStrategy['onProcessingEndHook'];
  @Inject(TaskProviders) private readonly tasks!: TaskProviders;

  constructor(
    @Inject(SERVER_INFO) { implementation, capabilities, instructions }: ServerInfo,
    transport: StreamableTransport,
    private readonly registry: ToolRegistry,
    private readonly others: DeclaredMethods,
  ) {
    const options = {
      ...implementation,
      capabilities,
      // Of a server of the SDK, which does not know its client when it is made.
      instructions: instructions(() => false),
      transports: [transport],
      logging: false,
    };
    super(options as McpServerOptions);
  }

  /**
   * @throws when a name is taken, because mcp-nest's strategy would silently drop one of the two; when no module provides
   *   the tasks of a tool.
   */
  override addHandler(
    pattern: MsPattern,
    callback: MessageHandler,
    isEvent?: boolean,
    extras?: Record<string, unknown>,
  ): void {
    const { mcpType, mcpName, mcpMethodRef } = (extras ?? {}) as Described;
    if (mcpType !== undefined && this.messageHandlers.has(this.normalizePattern(pattern))) {
      throw new Error(`Two MCP ${mcpType}s are called "${String(mcpName)}". Rename one.`);
    }
    if (mcpMethodRef) this.tasks.addProviderFor(mcpMethodRef);
    super.addHandler(pattern, callback, isEvent, extras);
  }

  override async listen(callback: (error?: unknown) => void): Promise<void> {
    for (const handler of this.getHandlers().values()) {
      if (handler.extras?.['mcpType'] === 'tool') this.registry.put(declaredTool(handler, this));
      else this.others.put(handler, this);
    }
    // mcp-nest does not know completions, so it does not announce them either.
    if (this.others.completions.size > 0)
      this.options.capabilities = { completions: {}, ...this.options.capabilities };
    await super.listen(callback);
  }

  override registerTool(definition: DynamicToolDefinition): void {
    this.registry.put(dynamicTool(definition));
    super.registerTool(definition);
  }

  override removeTool(name: string): void {
    this.registry.remove(name);
    super.removeTool(name);
  }

  override registerResource(definition: DynamicResourceDefinition): void {
    this.others.putResource(definition);
    super.registerResource(definition);
  }

  override removeResource(uri: string): void {
    this.others.removeResource(uri);
    super.removeResource(uri);
  }

  override registerPrompt(definition: DynamicPromptDefinition): void {
    this.others.putPrompt(definition);
    super.registerPrompt(definition);
  }

  override removePrompt(name: string): void {
    this.others.removePrompt(name);
    super.removePrompt(name);
  }
}
