import {
  type ListPromptsResult,
  type Prompt,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import { Injectable } from '@nestjs/common';
import type { PromptMetadata } from '@rekog/mcp-nest';

import type { DeclaredMethod, RequestContext } from '../tools/index.js';

/** What is known of a prompt; mcp-nest has no type for its title. */
type NamedPrompt = PromptMetadata & { readonly title?: string };

interface RegisteredPrompt extends DeclaredMethod {
  readonly entry: Prompt;
}

interface GetPromptParams {
  readonly name: string;
  readonly arguments?: Readonly<Record<string, string>>;
}

/** The requests of the prompts: which there are, and the messages of each. */
@Injectable()
export class PromptRequests {
  private readonly prompts = new Map<string, RegisteredPrompt>();

  get size(): number {
    return this.prompts.size;
  }

  put(metadata: NamedPrompt, method: DeclaredMethod): void {
    this.prompts.set(metadata.name, { entry: entryOf(metadata), ...method });
  }

  remove(name: string): void {
    this.prompts.delete(name);
  }

  /** Names of the arguments; `undefined` when there is no such prompt. */
  argumentsOf(name: string): readonly string[] | undefined {
    return this.prompts.get(name)?.entry.arguments?.map((argument) => argument.name);
  }

  permissionOf(name: unknown): string | undefined {
    return typeof name === 'string' ? this.prompts.get(name)?.permission : undefined;
  }

  list(): ListPromptsResult {
    return { prompts: [...this.prompts.values()].map(({ entry }) => entry) };
  }

  /** @throws {ProtocolError} when there is no such prompt. */
  async get({ name, arguments: given }: GetPromptParams, context: RequestContext): Promise<object> {
    const prompt = this.prompts.get(name);
    if (!prompt) throw unknownPrompt(name);
    return (await prompt.invoke(given, context)) as object;
  }
}

export const unknownPrompt = (name: string): ProtocolError =>
  new ProtocolError(ProtocolErrorCode.InvalidParams, `Prompt ${name} not found`);

function entryOf({ name, title, description, parameters }: NamedPrompt): Prompt {
  const fields = Object.entries(parameters?.shape ?? {});
  return {
    name,
    ...(title !== undefined && { title }),
    description,
    arguments: fields.map(([field, schema]) => ({
      name: field,
      ...(schema.description !== undefined && { description: schema.description }),
      required: !schema.isOptional(),
    })),
  };
}
