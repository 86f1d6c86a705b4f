import type { CallToolRequest, ServerContext } from '@modelcontextprotocol/server';
import { McpContext, type McpSessionInfo } from '@rekog/mcp-nest';

import type { Caller } from '../../upstream/index.js';

/** The SDK's server as mcp-nest types it. */
export type McpServer = McpContext['mcpServer'];

/** What a call brings with it. */
export interface CallParts {
  readonly tool: string;
  readonly caller: Caller;
  /** Hash of the key, to name it by. */
  readonly keyHash: string;
  readonly request: CallToolRequest;
  readonly session: McpSessionInfo;
  readonly rawRequest: unknown;
  readonly sdk: ServerContext;
  /** The SDK server of the session, made when it is asked for. */
  readonly server: () => McpServer;
}

/** One call of a tool: on whose behalf it is made, and the way back to the client while it runs. */
export class ToolContext extends McpContext {
  readonly tool: string;
  readonly caller: Caller;
  readonly keyHash: string;
  /** Whether the client wants to hear of progress. */
  readonly isProgressWanted: boolean;
  /** Sends progress on the call's own stream; does nothing when nobody wants to hear of it. */
  override readonly reportProgress: McpContext['reportProgress'];
  override readonly log: McpContext['log'];
  /** What the tool threw, as long as exception filters may make something else of it. */
  thrown: unknown;
  private readonly server: () => McpServer;

  constructor({ tool, caller, keyHash, request, session, rawRequest, sdk, server }: CallParts) {
    // The server is made on demand; see `mcpServer`.
    super([undefined as never, request, session, rawRequest, sdk]);
    this.tool = tool;
    this.caller = caller;
    this.keyHash = keyHash;
    this.server = server;
    const progressToken = request.params._meta?.progressToken;
    this.isProgressWanted = progressToken !== undefined;
    this.reportProgress = reportOf(sdk, progressToken);
    this.log = logOf(sdk);
  }

  override get mcpServer(): McpServer {
    return this.server();
  }
}

/**
 * Made out here and not in the constructor, where V8 keeps what a function closes over until the next full collection:
 * with it the whole request, at a quarter of the cost of a call.
 */
function reportOf(
  { mcpReq }: ServerContext,
  progressToken: string | number | undefined,
): McpContext['reportProgress'] {
  return async (progress) => {
    if (progressToken === undefined) return;
    await mcpReq.notify({ method: 'notifications/progress', params: { ...progress, progressToken } });
  };
}

function logOf({ mcpReq }: ServerContext): McpContext['log'] {
  const at =
    (level: Parameters<typeof mcpReq.log>[0]): McpContext['log']['info'] =>
    (message, context) =>
      void mcpReq.log(level, { message, context });
  return { debug: at('debug'), info: at('info'), warn: at('warning'), error: at('error') };
}
