import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { expect } from 'vitest';

import type { Progress, StoryClient, ToolResult } from '../support/clients.js';

/** One call of a tool, and how many tokens its reply costs a model. */
export interface CountedCall {
  readonly tool: string;
  readonly tokens: ReplyTokens;
}

/** Tokens of a reply in o200k, by what the host gives its model. Links count, images do not. */
export interface ReplyTokens {
  /** Of `content`. */
  readonly text: number;
  /** Of `structuredContent`. */
  readonly structure: number;
}

/** What a model does to fulfil one request: calls of tools, whose replies are counted. */
export class Conversation {
  readonly calls: CountedCall[] = [];
  /** What the calls have reported on the way. */
  readonly progress: Progress[] = [];
  private readonly client: StoryClient;

  constructor(client: StoryClient) {
    this.client = client;
  }

  /** Calls a tool, which must succeed, and returns its structured content. */
  // oxlint-disable-next-line typescript/no-explicit-any
  async call(tool: string, args: object = {}): Promise<any> {
    return (await this.callWhole(tool, args)).structuredContent ?? {};
  }

  /** Calls a tool, which must succeed, and returns its whole result. */
  async callWhole(tool: string, args: object = {}): Promise<ToolResult> {
    const result = await this.send(tool, args);
    expect(result.isError, String(result.structuredContent?.['error_message'])).toBeFalsy();
    return result;
  }

  /** Calls a tool, which must fail, and returns its structured content. */
  async failure(tool: string, args: object = {}): Promise<Record<string, unknown>> {
    const { isError, structuredContent } = await this.send(tool, args);
    expect(isError).toBe(true);
    return structuredContent ?? {};
  }

  /** The sentence of a {@link failure}, which says why. */
  async refusal(tool: string, args: object = {}): Promise<string> {
    return String((await this.failure(tool, args))['error_message']);
  }

  /** Runs a workflow and waits for its end. */
  // oxlint-disable-next-line typescript/no-explicit-any
  async ended(workflow_slug: string, body: object = {}): Promise<any> {
    return await this.call('run_workflow_by_slug', { workflow_slug, body, wait_seconds: 45 });
  }

  private async send(tool: string, args: object): Promise<ToolResult> {
    const result = await this.client.call(tool, args, {
      onprogress: (progress) => this.progress.push(progress),
    });
    this.calls.push({ tool, tokens: tokensOf(result) });
    return result;
  }
}

/** What changes from run to run, and what stands for it, so that the same reply always has the same number of tokens. */
const CHANGING: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '019abc12-9012-7890-abcd-ef1234567890'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z/g, '2026-11-28T14:00:00Z'],
  [/127\.0\.0\.1:\d+/g, 'mcp.example.com'],
  [/\blocal-[\w.-]+/g, 'local-machine'],
  [/(?<=untrusted-)[0-9a-f]{8}/g, '3f9a2c1b'],
  // Ids and signatures in links.
  [/(?<=[/=])[\w-]{22,}/g, 'Q7xk2mVb9RtLw4PzN8cYd3HsJf6GaTe1UoXi5KqBn0ZvMrEyWhDgSpAlCu'],
  [/\d+ times in a row|(?<="failures_in_a_row":)\d+/g, '3'],
];

function tokensOf({ content, structuredContent }: ToolResult): ReplyTokens {
  const shown = content.filter(({ type }) => type !== 'image').map((block) => block['text'] ?? block);
  const tokens = (value: unknown): number =>
    countTokens(CHANGING.reduce((words, [changing, fixed]) => words.replace(changing, fixed), textOf(value)));
  return { text: tokens(shown.map(textOf).join('\n')), structure: tokens(structuredContent ?? '') };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
