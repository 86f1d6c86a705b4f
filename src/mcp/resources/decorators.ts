import { applyDecorators, SetMetadata } from '@nestjs/common';
import type { Resource } from '@modelcontextprotocol/server';
import { mcpMessagePattern } from '@rekog/mcp-nest';

export const COMPLETES = 'cyberun:completes';

/** The types of mcp-nest end at tools, resources and prompts. */
type HandlerType = Parameters<typeof mcpMessagePattern>[0];
export const COMPLETION = 'completion' as HandlerType;
export const RESOURCE_LIST = 'resource-list' as HandlerType;

/** An argument of a prompt, or a variable of a resource template. */
export type CompletedArgument = { readonly argument: string } & (
  { readonly prompt: string } | { readonly uriTemplate: string }
);

/** What a method marked with {@link Completion} gets as its payload. */
export interface CompletionPayload {
  /** What the user has typed of it. */
  readonly value: string;
  /** The arguments that are already filled in. */
  readonly given: Readonly<Record<string, string>>;
}

/** What it returns: the best first; of more than 100 the client gets 100. */
export interface Candidates {
  readonly values: readonly string[];
  /** Whether there are more that were not looked at. */
  readonly hasMore?: boolean;
}

/** Marks a method of an `@McpController` that suggests values for these arguments; it runs in Nest's pipeline. */
export const Completion = (...completed: readonly CompletedArgument[]): MethodDecorator =>
  applyDecorators(SetMetadata(COMPLETES, completed), mcpMessagePattern(COMPLETION, nameOf(completed)));

const nameOf = (completed: readonly CompletedArgument[]): string =>
  completed
    .map(({ argument, ...of }) => `${'prompt' in of ? of.prompt : of.uriTemplate} ${argument}`)
    .join(', ');

/** What a method marked with {@link ResourceList} gets as its payload. */
export interface ResourcePageQuery {
  readonly current_page: number;
  readonly per_page: number;
}

/** What it returns. */
export interface ResourcePage {
  readonly resources: readonly Resource[];
  readonly hasMore: boolean;
}

/**
 * Marks a method of an `@McpController` that lists resources page by page, beside the ones that `@Resource` declares.
 *
 * @param name different from those of other lists.
 */
export const ResourceList = (name: string): MethodDecorator =>
  applyDecorators(mcpMessagePattern(RESOURCE_LIST, name));
