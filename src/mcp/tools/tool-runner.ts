import { Injectable } from '@nestjs/common';
import { type CallToolResult, ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';

import { requireSoundShape } from './argument-shape.js';
import type { RegisteredTool } from './registered-tool.js';
import type { ToolContext } from './tool-context.js';
import { isMasked, ToolErrorMapper } from './tool-error-mapper.js';
import { ToolRegistry } from './tool-registry.js';
import { toToolResult } from './tool-result.js';

/** Runs one call of a tool; the last resort for whatever the pipeline around it lets through. */
@Injectable()
export class ToolRunner {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly errors: ToolErrorMapper,
  ) {}

  /** @throws {ProtocolError} when there is no such tool. */
  find(name: string): RegisteredTool {
    const tool = this.registry.find(name);
    if (tool) return tool;
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Tool ${name} not found`);
  }

  /** @throws {ProtocolError} when the tool asked for one. */
  async run(tool: RegisteredTool, context: ToolContext, args: unknown): Promise<CallToolResult> {
    try {
      this.registry.authorize(tool, userOf(context.getRawRequest()));
      requireSoundShape(args);
      const { input } = tool;
      const payload = !input || input.isAdvertisedOnly ? args : await input.parse(args);
      return await checked(tool, toToolResult(await tool.invoke(payload, context)));
    } catch (error) {
      // Nest's own filter hides an exception; what was thrown says more.
      const thrown = isMasked(error) ? (context.thrown ?? error) : error;
      if (thrown instanceof ProtocolError) throw thrown;
      return this.errors.toToolResult(context, thrown);
    }
  }
}

/** Holds a stranger's answer against the schema that was promised; ours are checked where they arrive. */
async function checked({ name, output }: RegisteredTool, result: CallToolResult): Promise<CallToolResult> {
  const { structuredContent, content } = result;
  if (!output || output.isAdvertisedOnly || result.isError || structuredContent === undefined) return result;
  const answer = await output.parse(structuredContent).catch((cause: unknown) => {
    throw new Error(`tool ${name} returned something else than its output schema says`, { cause });
  });
  const [first, ...more] = content;
  const isWrapped = first?.type === 'text' && first.text === JSON.stringify(structuredContent);
  const wrapped = toToolResult(answer);
  return { ...result, ...wrapped, content: isWrapped ? [...wrapped.content, ...more] : content };
}

/** Whom a stranger's guard found behind the request. */
export const userOf = (rawRequest: unknown): unknown =>
  typeof rawRequest === 'object' && rawRequest !== null ? Reflect.get(rawRequest, 'user') : undefined;
