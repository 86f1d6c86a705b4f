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

/** Answers a tools/call that the SDK dispatches. */
export type AnswerCall = (request: CallToolRequest, sdk: ServerContext) => Promise<CallToolResult>;

/**
 * SDK servers for rare requests: resources, prompts and other features of third-party modules, and unusual requests.
 */
@Injectable()
export class SdkServers {
  private context: McpTransportContext | undefined;
  private announced: ServerCapabilities | undefined;

  constructor(private readonly registry: ToolRegistry) {}

  attach(context: McpTransportContext): void {
    this.context = context;
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

  /** Binds a server to one HTTP request, until the next. */
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
