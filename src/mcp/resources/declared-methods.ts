import { Injectable } from '@nestjs/common';
import type { MessageHandler } from '@nestjs/microservices';
import {
  type DynamicPromptDefinition,
  type DynamicResourceDefinition,
  MCP_PROMPT_METADATA_KEY,
  MCP_RESOURCE_METADATA_KEY,
  MCP_RESOURCE_TEMPLATE_METADATA_KEY,
  type PromptMetadata,
  type ResourceMetadata,
  type ResourceTemplateMetadata,
} from '@rekog/mcp-nest';

import {
  type DeclaredMethod,
  declaredMethod,
  type MethodExtras,
  type ProcessingHooks,
} from '../tools/index.js';
import { CompletionRequests } from './completion-requests.js';
import { type CompletedArgument, COMPLETES, COMPLETION, RESOURCE_LIST } from './decorators.js';
import { PromptRequests } from './prompt-requests.js';
import { ResourceRequests } from './resource-requests.js';

/** Registers the methods behind resources, prompts and completions, of the product and of third-party modules. */
@Injectable()
export class DeclaredMethods {
  constructor(
    readonly resources: ResourceRequests,
    readonly prompts: PromptRequests,
    readonly completions: CompletionRequests,
  ) {}

  put(handler: MessageHandler, hooks: ProcessingHooks): void {
    const { mcpType, mcpMethodKey, mcpMethodRef: method } = handler.extras as unknown as MethodExtras;
    const declared = declaredMethod(handler, hooks);
    const read = (key: string): unknown => ({
      name: mcpMethodKey,
      ...(Reflect.getMetadata(key, method) as object),
    });
    if (mcpType === 'resource')
      this.resources.put(read(MCP_RESOURCE_METADATA_KEY) as ResourceMetadata, declared);
    else if (mcpType === 'resource-template')
      this.resources.putTemplate(
        read(MCP_RESOURCE_TEMPLATE_METADATA_KEY) as ResourceTemplateMetadata,
        declared,
      );
    else if (mcpType === RESOURCE_LIST) this.resources.putList(declared);
    else if (mcpType === 'prompt')
      this.prompts.put(read(MCP_PROMPT_METADATA_KEY) as PromptMetadata, declared);
    else if (mcpType === COMPLETION)
      this.completions.put(Reflect.getMetadata(COMPLETES, method) as CompletedArgument[], declared);
  }

  putResource({ handler, ...definition }: DynamicResourceDefinition): void {
    const { uri, name = uri } = definition;
    this.resources.put({ ...definition, name }, invoking(handler));
  }

  removeResource(uri: string): void {
    this.resources.remove(uri);
  }

  putPrompt({ handler, ...definition }: DynamicPromptDefinition): void {
    this.prompts.put(definition, invoking(handler));
  }

  removePrompt(name: string): void {
    this.prompts.remove(name);
  }
}

type DynamicHandler = DynamicResourceDefinition['handler'] | DynamicPromptDefinition['handler'];

/** A function registered while the server runs, without Nest's pipeline. */
const invoking = (handler: DynamicHandler): DeclaredMethod => ({
  invoke: async (payload, context) =>
    (await handler(payload as never, context, context.getRawRequest())) as unknown,
  permission: undefined,
});
