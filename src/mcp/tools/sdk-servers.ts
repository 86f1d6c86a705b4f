import { Injectable } from '@nestjs/common';
import type { CallToolResult, ServerCapabilities } from '@modelcontextprotocol/server';
import type { McpTransportContext } from '@rekog/mcp-nest';

import type { McpServer } from './tool-context.js';
import { type CallOrigin, ToolRunner } from './tool-runner.js';
import { ToolSources } from './tool-sources.js';

/**
 * Sets handlers of further methods on a server that is being bound.
 *
 * @param takeFirst the existing result for the first request, once.
 */
type Binder = (server: McpServer, origin: CallOrigin, takeFirst: () => object | undefined) => void;

/**
 * SDK servers for rare requests: resources, prompts and other features of third-party modules, and unusual requests.
 */
@Injectable()
export class SdkServers {
  private context: McpTransportContext | undefined;
  private announced: ServerCapabilities | undefined;
  private readonly binders: Binder[] = [];

  constructor(
    private readonly sources: ToolSources,
    private readonly tools: ToolRunner,
  ) {}

  attach(context: McpTransportContext): void {
    this.context = context;
  }

  /** Has a binder called whenever a server is bound to a request. */
  extend(binder: Binder): void {
    this.binders.push(binder);
  }

  /** Called after a registration or removal, which may change the capabilities. */
  forgetCapabilities(): void {
    this.announced = undefined;
  }

  /** The announced capabilities. */
  get capabilities(): ServerCapabilities {
    return (this.announced ??= this.started.createServer().server.getCapabilities());
  }

  create(): McpServer {
    return this.started.createServer();
  }

  /**
   * Binds a server to one HTTP request, until the next.
   *
   * @param first an existing result that only the SDK can send: the answer to the first request.
   */
  bind(server: McpServer, origin: CallOrigin, first?: object): void {
    const { session, rawRequest } = origin;
    let ready = first;
    const takeFirst = (): object | undefined => {
      const result = ready;
      ready = undefined;
      return result;
    };
    this.started.bindRequestHandlers(server, session, rawRequest);
    server.server.setRequestHandler('tools/list', () => this.sources.listFor(rawRequest) as never);
    server.server.setRequestHandler('tools/call', async (request, sdk) => {
      const result = takeFirst() as CallToolResult | undefined;
      if (result) return result;
      const signal = AbortSignal.any([origin.call.signal, sdk.mcpReq.signal]);
      const tool = await this.tools.find(request.params.name, rawRequest);
      return bare(await this.tools.run(tool, request, sdk, { ...origin, call: { signal } }));
    });
    for (const bindMore of this.binders) bindMore(server, origin, takeFirst);
  }

  private get started(): McpTransportContext {
    if (!this.context) throw new Error('the MCP endpoint is used before connectMcp() started it');
    return this.context;
  }
}

/** The SDK adds an empty `content` to every result without one; a created task must have none on the wire. */
const bare = (result: CallToolResult): CallToolResult =>
  result['resultType'] === 'task' ? { ...result, toJSON: withoutContent } : result;

function withoutContent(this: Record<string, unknown>): object {
  const { content: _content, toJSON: _toJson, ...members } = this;
  return members;
}
