import {
  type CompleteRequest,
  type CompleteResult,
  isSpecType,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import { Injectable } from '@nestjs/common';

import type { DeclaredMethod, RequestContext } from '../tools/index.js';
import type { Candidates, CompletedArgument, CompletionPayload } from './decorators.js';
import { PromptRequests, unknownPrompt } from './prompt-requests.js';
import { ResourceRequests } from './resource-requests.js';

/** The limit of the protocol. */
const MOST_VALUES = 100;
/** No name is as long; a longer text is not looked up. */
const LONGEST_VALUE = 200;

type Reference = CompleteRequest['params']['ref'];

/** The requests for completions of arguments. */
@Injectable()
export class CompletionRequests {
  private readonly completions = new Map<string, DeclaredMethod>();

  constructor(
    private readonly resources: ResourceRequests,
    private readonly prompts: PromptRequests,
  ) {}

  get size(): number {
    return this.completions.size;
  }

  put(completed: readonly CompletedArgument[], method: DeclaredMethod): void {
    for (const { argument, ...of } of completed) {
      const key = 'prompt' in of ? promptKey(of.prompt, argument) : templateKey(of.uriTemplate, argument);
      this.completions.set(key, method);
    }
  }

  /** @throws {ProtocolError} when there is no such prompt, template or argument. */
  async complete(
    { ref, argument: { name, value }, context: filledIn }: CompleteRequest['params'],
    context: RequestContext,
  ): Promise<CompleteResult> {
    this.requireArgument(ref, name);
    const method = this.methodFor(ref, name);
    if (!method || value.length > LONGEST_VALUE) return NONE;
    const payload: CompletionPayload = { value, given: filledIn?.arguments ?? {} };
    const { values, hasMore = false } = (await method.invoke(payload, context)) as Candidates;
    const isWhole = !hasMore && values.length <= MOST_VALUES;
    return {
      completion: {
        values: values.slice(0, MOST_VALUES),
        ...(!hasMore && { total: values.length }),
        hasMore: !isWhole,
      },
    };
  }

  permissionOf(params: unknown): string | undefined {
    if (!isSpecType.CompleteRequestParams(params)) return undefined;
    return this.methodFor(params.ref, params.argument.name)?.permission;
  }

  private methodFor(ref: Reference, argument: string): DeclaredMethod | undefined {
    return this.completions.get(
      ref.type === 'ref/prompt' ? promptKey(ref.name, argument) : templateKey(ref.uri, argument),
    );
  }

  private requireArgument(ref: Reference, name: string): void {
    const isPrompt = ref.type === 'ref/prompt';
    const names = isPrompt ? this.prompts.argumentsOf(ref.name) : this.resources.variablesOf(ref.uri);
    if (!names) throw isPrompt ? unknownPrompt(ref.name) : new ResourceNotFoundError(ref.uri);
    if (names.includes(name)) return;
    const known = names.length === 0 ? 'it has no arguments' : `its arguments are: ${names.join(', ')}`;
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `Invalid params: params.argument.name is not an argument of ${isPrompt ? ref.name : ref.uri}; ${known}.`,
    );
  }
}

const NONE: CompleteResult = { completion: { values: [], total: 0, hasMore: false } };

const promptKey = (prompt: string, argument: string): string => `prompt ${prompt} ${argument}`;
const templateKey = (uriTemplate: string, argument: string): string => `template ${uriTemplate} ${argument}`;
