import { Injectable } from '@nestjs/common';
import type { CallToolRequest, CallToolResult, ServerContext } from '@modelcontextprotocol/server';
import type { McpSessionInfo } from '@rekog/mcp-nest';

import type { McpHttpRequest } from '../auth/index.js';
import { traceparentOf } from '../protocol/index.js';
import type { RegisteredTool } from './registered-tool.js';
import type { AnswerCall } from './sdk-servers.js';
import { type McpServer, ToolContext } from './tool-context.js';
import { ToolRunner } from './tool-runner.js';

/** Where a call comes from, and the ways back to its client. */
export interface CallOrigin {
  readonly rawRequest: McpHttpRequest;
  readonly session: McpSessionInfo;
  /** The SDK server a tool may ask the client through. */
  readonly server: () => McpServer;
  /** Aborted when nobody waits for the answer; beside the SDK's own signal. */
  readonly signal: AbortSignal;
}

/** Runs the tools/call requests of every revision, whether our code or the SDK dispatches them. */
@Injectable()
export class ToolCalls {
  constructor(private readonly runner: ToolRunner) {}

  /** @throws {ProtocolError} when there is no such tool. */
  find(name: string): RegisteredTool {
    return this.runner.find(name);
  }

  run(
    tool: RegisteredTool,
    request: CallToolRequest,
    sdk: ServerContext,
    origin: CallOrigin,
  ): Promise<CallToolResult> {
    const { rawRequest, session, server, signal } = origin;
    const { token: key, keyHash } = rawRequest.auth;
    const traceparent = traceparentOf(request.params._meta, rawRequest.headers['traceparent']);
    const caller = { key, signal, ...(traceparent !== undefined && { traceparent }) };
    const context = new ToolContext({
      tool: tool.name,
      caller,
      keyHash,
      request,
      session,
      rawRequest,
      sdk,
      server,
    });
    return this.runner.run(tool, context, request.params.arguments ?? {});
  }

  /** How an SDK server answers; `first` is a result that is there already and was found to need the SDK. */
  throughSdk(origin: CallOrigin, first?: CallToolResult): AnswerCall {
    let ready = first;
    return (request, sdk) => {
      const result = ready;
      ready = undefined;
      if (result) return Promise.resolve(result);
      const signal = AbortSignal.any([origin.signal, sdk.mcpReq.signal]);
      return this.run(this.find(request.params.name), request, sdk, { ...origin, signal });
    };
  }
}
