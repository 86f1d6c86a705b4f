import { Injectable } from '@nestjs/common';
import {
  type CallToolRequest,
  type CallToolResult,
  type ServerCapabilities,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { McpSessionInfo, McpTransportContext } from '@rekog/mcp-nest';

import type { McpHttpRequest } from '../auth/index.js';
import type { McpServer } from './tool-context.js';
import { ToolRegistry } from './tool-registry.js';
import { userOf } from './tool-runner.js';

/** How a tools/call is answered that the SDK dispatches. */
export type AnswerCall = (request: CallToolRequest, sdk: ServerContext) => Promise<CallToolResult>;

/** SDK servers for what is rare: resources, prompts and whatever else strangers add, and requests that are odd. */
@Injectable()
export class SdkServers {
  private context: McpTransportContext | undefined;
  private announced: ServerCapabilities | undefined;

  constructor(private readonly registry: ToolRegistry) {}

  attach(context: McpTransportContext): void {
    this.context = context;
  }

  /** Something was registered or removed, which may have changed what we announce. */
  forgetCapabilities(): void {
    this.announced = undefined;
  }

  /** What this server can do, as every client is told. */
  get capabilities(): ServerCapabilities {
    return (this.announced ??= this.started.createServer().server.getCapabilities());
  }

  create(): McpServer {
    return this.started.createServer();
  }

  /** Makes a server answer on behalf of one HTTP request, until it is bound to the next. */
  bind(server: McpServer, session: McpSessionInfo, request: McpHttpRequest, answer: AnswerCall): void {
    this.started.bindRequestHandlers(server, session, request);
    server.server.setRequestHandler('tools/list', () => {
      const { tools } = this.registry.listFor(userOf(request));
      return { tools } as never;
    });
    server.server.setRequestHandler('tools/call', answer);
  }

  private get started(): McpTransportContext {
    if (!this.context) throw new Error('the MCP endpoint is used before connectMcp() started it');
    return this.context;
  }
}
