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

import { type Invoke, type MethodExtras, type ProcessingHooks, throughNest } from '../tools/index.js';
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

  /** A method with a decorator; it runs in Nest's pipeline. */
  put(handler: MessageHandler, hooks: ProcessingHooks): void {
    const { mcpType, mcpMethodKey, mcpMethodRef: method } = handler.extras as unknown as MethodExtras;
    const invoke = throughNest(handler, hooks);
    const read = (key: string): unknown => ({
      name: mcpMethodKey,
      ...(Reflect.getMetadata(key, method) as object),
    });
    if (mcpType === 'resource')
      this.resources.put(read(MCP_RESOURCE_METADATA_KEY) as ResourceMetadata, invoke);
    else if (mcpType === 'resource-template')
      this.resources.putTemplate(
        read(MCP_RESOURCE_TEMPLATE_METADATA_KEY) as ResourceTemplateMetadata,
        invoke,
      );
    else if (mcpType === RESOURCE_LIST) this.resources.putList(invoke);
    else if (mcpType === 'prompt') this.prompts.put(read(MCP_PROMPT_METADATA_KEY) as PromptMetadata, invoke);
    else if (mcpType === COMPLETION)
      this.completions.put(Reflect.getMetadata(COMPLETES, method) as CompletedArgument[], invoke);
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
const invoking =
  (handler: DynamicHandler): Invoke =>
  async (payload, context) =>
    (await handler(payload as never, context, context.getRawRequest())) as unknown;
