import { Inject, Injectable } from '@nestjs/common';
import type { MessageHandler, MsPattern } from '@nestjs/microservices';
import { type DynamicToolDefinition, type McpServerOptions, McpStrategy } from '@rekog/mcp-nest';
import { firstValueFrom, isObservable } from 'rxjs';

import { SERVER_INFO, type ServerInfo } from '../protocol/index.js';
import { declaredTool, dynamicTool, type Invoke, type ToolContext, ToolRegistry } from '../tools/index.js';
import { namingMissingResources } from './missing-resource.js';
import { StreamableTransport } from './streamable.transport.js';

interface Extras {
  readonly mcpType?: string;
  readonly mcpName: string;
  readonly mcpMethodKey: string;
  readonly mcpMethodRef: object;
}

/** mcp-nest's strategy over our transport; keeps the registry of tools in sync with it and with Nest. */
@Injectable()
export class CyberunStrategy extends McpStrategy {
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
    const { mcpType, mcpName } = (extras ?? {}) as Partial<Extras>;
    if (mcpType !== undefined && this.messageHandlers.has(this.normalizePattern(pattern))) {
      throw new Error(`Two MCP ${mcpType}s are called "${String(mcpName)}". Rename one.`);
    }
    super.addHandler(pattern, callback, isEvent, extras);
  }

  override async listen(callback: (error?: unknown) => void): Promise<void> {
    for (const handler of this.getHandlers().values()) {
      const { mcpType, mcpMethodKey, mcpMethodRef } = (handler.extras ?? {}) as Extras;
      if (mcpType === 'tool')
        this.registry.put(declaredTool(mcpMethodRef, mcpMethodKey, this.through(handler)));
    }
    await super.listen(callback);
  }

  override bindRequestHandlers(...limit: Parameters<McpStrategy['bindRequestHandlers']>): void {
    namingMissingResources(limit[0].server, () => super.bindRequestHandlers(...limit));
  }

  override registerTool(definition: DynamicToolDefinition): void {
    this.registry.put(dynamicTool(definition));
    super.registerTool(definition);
  }

  override removeTool(name: string): void {
    this.registry.remove(name);
    super.removeTool(name);
  }

  /** Guards, interceptors, pipes and filters are inside the handler; instrumentation of Nest uses the hooks. */
  private through(handler: MessageHandler): Invoke {
    return async (payload, context) => {
      let outcome: Promise<unknown> | undefined;
      const run = (): Promise<unknown> => (outcome = settled(handler, payload, context));
      await Promise.resolve(this.onProcessingStartHook(this.transportId, context, run));
      try {
        return await outcome;
      } finally {
        this.onProcessingEndHook?.(this.transportId, context);
      }
    };
  }
}

async function settled(handler: MessageHandler, payload: unknown, context: ToolContext): Promise<unknown> {
  const result: unknown = await handler(payload, context);
  return isObservable(result) ? firstValueFrom(result, { defaultValue: undefined }) : result;
}
