import {
  type CompleteRequest,
  type CompleteResult,
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import { Injectable } from '@nestjs/common';

import type { Invoke, RequestContext } from '../tools/index.js';
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
  private readonly completions = new Map<string, Invoke>();

  constructor(
    private readonly resources: ResourceRequests,
    private readonly prompts: PromptRequests,
  ) {}

  get size(): number {
    return this.completions.size;
  }

  put(completed: readonly CompletedArgument[], invoke: Invoke): void {
    for (const { argument, ...of } of completed) {
      const key = 'prompt' in of ? promptKey(of.prompt, argument) : templateKey(of.uriTemplate, argument);
      this.completions.set(key, invoke);
    }
  }

  /** @throws {ProtocolError} when there is no such prompt, template or argument. */
  async complete(
    { ref, argument: { name, value }, context: filledIn }: CompleteRequest['params'],
    context: RequestContext,
  ): Promise<CompleteResult> {
    this.requireArgument(ref, name);
    const key = ref.type === 'ref/prompt' ? promptKey(ref.name, name) : templateKey(ref.uri, name);
    const invoke = this.completions.get(key);
    if (!invoke || value.length > LONGEST_VALUE) return NONE;
    const payload: CompletionPayload = { value, given: filledIn?.arguments ?? {} };
    const { values, hasMore = false } = (await invoke(payload, context)) as Candidates;
    const isWhole = !hasMore && values.length <= MOST_VALUES;
    return {
      completion: {
        values: values.slice(0, MOST_VALUES),
        ...(!hasMore && { total: values.length }),
        hasMore: !isWhole,
      },
    };
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
