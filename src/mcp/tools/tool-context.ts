import { McpContext, type McpSessionInfo } from '@rekog/mcp-nest';
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  LOG_LEVEL_META_KEY,
  type CallToolRequest,
  type InitializeRequest,
  PROTOCOL_VERSION_META_KEY,
  type ServerContext,
} from '@modelcontextprotocol/server';

import type { Caller } from '../../upstream/index.js';
import type { Call } from '../calls/index.js';
import { declaresTasks, notificationMessage, type RequestMessage } from '../protocol/index.js';

/** The SDK's server as mcp-nest types it. */
export type McpServer = McpContext['mcpServer'];

/** What mcp-nest knows of a session, and what its client has said of itself. */
export interface SessionInfo extends McpSessionInfo {
  /** Params of initialize as JSON; absent in revisions without sessions. */
  readonly initializeParams?: string;
}

/** The parts of a request. */
export interface RequestParts {
  readonly tool: string;
  readonly caller: Caller;
  /** Hash of the key, which identifies it. */
  readonly keyHash: string;
  readonly request: CallToolRequest;
  readonly session: SessionInfo;
  readonly rawRequest: unknown;
  readonly sdk: ServerContext;
  readonly replyBytes: number;
  /** The SDK server of the session, created on demand. */
  readonly server: () => McpServer;
}

/** One request: its caller, and progress and requests to the client while it runs. */
export class RequestContext extends McpContext {
  /** Name of the tool, or method of any other request. */
  readonly tool: string;
  readonly caller: Caller;
  readonly keyHash: string;
  /** About how many bytes of JSON fit into the reply. */
  readonly replyBytes: number;
  /** Whether the client requested progress. */
  readonly isProgressWanted: boolean;
  /** Sends progress on the call's own stream, if the client requested it. */
  override readonly reportProgress: McpContext['reportProgress'];
  override readonly log: McpContext['log'];
  /** The exception of the method, while exception filters may still replace it. */
  thrown: unknown;
  /** The error that its result stands for, where an interceptor has made the result. */
  answered: unknown;
  private readonly server: () => McpServer;

  constructor({
    tool,
    caller,
    keyHash,
    request,
    session,
    rawRequest,
    sdk,
    replyBytes,
    server,
  }: RequestParts) {
    // The server is created on demand; see `mcpServer`.
    super([undefined as never, request, session, rawRequest, sdk]);
    this.tool = tool;
    this.caller = caller;
    this.keyHash = keyHash;
    this.replyBytes = replyBytes;
    this.server = server;
    const progressToken = request.params._meta?.progressToken;
    this.isProgressWanted = progressToken !== undefined;
    this.reportProgress = reportOf(sdk, progressToken);
    this.log = logOf(sdk);
  }

  /** Whether the client takes a task as the answer to this call. A session has no methods that would read it. */
  get takesTask(): boolean {
    const { initializeParams }: SessionInfo = this.getSession();
    return initializeParams === undefined && declaresTasks(this.getClientCapabilities());
  }

  override get mcpServer(): McpServer {
    return this.server();
  }

  /** As the request or, in a session, initialize has them. */
  override getClientCapabilities(): ReturnType<McpContext['getClientCapabilities']> {
    const { initializeParams }: SessionInfo = this.getSession();
    if (initializeParams === undefined) return super.getClientCapabilities();
    return (JSON.parse(initializeParams) as InitializeRequest['params']).capabilities;
  }
}

/** One call of a tool. */
export class ToolContext extends RequestContext {}

/**
 * Outside the constructor, because V8 retains what a closure captures there until the next full collection: the whole
 * request, at a quarter of the cost of a call.
 */
function reportOf(
  sdk: ServerContext,
  progressToken: string | number | undefined,
): McpContext['reportProgress'] {
  return async (progress) => {
    if (progressToken === undefined) return;
    await sdk.mcpReq.notify({ method: 'notifications/progress', params: { ...progress, progressToken } });
  };
}

function logOf(sdk: ServerContext): McpContext['log'] {
  const at =
    (level: Parameters<ServerContext['mcpReq']['log']>[0]): McpContext['log']['info'] =>
    (message, context) =>
      void sdk.mcpReq.log(level, { message, context });
  return { debug: at('debug'), info: at('info'), warn: at('warning'), error: at('error') };
}

const ENVELOPE_KEYS = [
  PROTOCOL_VERSION_META_KEY,
  CLIENT_INFO_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
  LOG_LEVEL_META_KEY,
];

/**
 * The SDK's handler context for a call that bypasses the SDK: the same members, on the call's own stream. Requests
 * to the client go through the session's SDK server, which is created for the first one.
 */
export const fastContext = (call: Call, message: RequestMessage, server: () => McpServer): ServerContext =>
  new FastContext(call, message, server);

/** Makes its members when they are first read, since most tools read none. */
class FastContext implements ServerContext {
  readonly http: NonNullable<ServerContext['http']>;
  private request: ServerContext['mcpReq'] | undefined;

  constructor(
    private readonly call: Call,
    private readonly message: RequestMessage,
    private readonly server: () => McpServer,
  ) {
    this.http = { closeSSE: () => call.reply.pause() };
  }

  get mcpReq(): ServerContext['mcpReq'] {
    return (this.request ??= requestOf(this.call, this.message, this.server));
  }
}

function requestOf(call: Call, message: RequestMessage, server: () => McpServer): ServerContext['mcpReq'] {
  const { id, method, params } = message;
  const related = { relatedRequestId: id };
  return {
    id,
    method,
    ...(params?._meta && { _meta: params._meta }),
    ...envelopeOf(params?._meta),
    requestState: () => undefined,
    // No getter: V8 creates a separate shape for each object with one, and the shape outlives the request.
    signal: call.signal,
    notify: (notification) => call.notify(notificationMessage(notification.method, notification.params)),
    // Announcing the logging capability sends every call through the SDK; see RequestDispatcher and FastPath.
    log: () => Promise.resolve(),
    send: ((request: never, ...rest: object[]) => {
      const last = rest.at(-1);
      const schema = rest.find((given) => '~standard' in given);
      const options = { ...(last === schema ? undefined : last), ...related };
      return server().server.request(request, ...((schema ? [schema, options] : [options]) as [never]));
    }) as ServerContext['mcpReq']['send'],
    elicitInput: (asked, options) => server().server.elicitInput(asked, { ...options, ...related }),
    requestSampling: (asked, options) => server().server.createMessage(asked, { ...options, ...related }),
  };
}

function envelopeOf(meta: Record<string, unknown> | undefined): { envelope?: object } {
  if (!meta || !(PROTOCOL_VERSION_META_KEY in meta)) return {};
  const envelope: Record<string, unknown> = {};
  for (const key of ENVELOPE_KEYS) if (key in meta) envelope[key] = meta[key];
  return { envelope };
}
