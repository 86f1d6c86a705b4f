import { Inject, Injectable } from '@nestjs/common';
import {
  type CallToolRequest,
  type CallToolResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server';

import { CONFIG, type Config } from '../../config/index.js';
import { noteInScope, type TraceContext, traceContextIn } from '../../telemetry/index.js';
import type { Caller } from '../../upstream/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import type { EncodedResult, Operation } from '../calls/index.js';
import { type RevisionFamily, tasksNotDeclared } from '../protocol/index.js';
import { requireSoundShape } from './tool-input.js';
import { type McpServer, type RequestParts, type SessionInfo, ToolContext } from './tool-context.js';
import { isMasked, ToolErrorMapper, toolFailureOf } from './tool-error-mapper.js';
import type { RegisteredTool } from './registered-tool.js';
import { ToolRegistry, userOf, type Viewer } from './tool-registry.js';
import { hasOwnText, replyBytes, toNewResult, toToolResult } from './tool-result.js';
import { ToolSources } from './tool-sources.js';

/** The origin of a call, and access to its client. */
export interface CallOrigin {
  readonly rawRequest: McpHttpRequest;
  readonly session: SessionInfo;
  /** The SDK server through which a tool can send requests to the client. */
  readonly server: () => McpServer;
  /** Its signal is aborted when the client no longer waits; in addition to the SDK's own. Made when it is first read. */
  readonly call: { readonly signal: AbortSignal };
  /** Measures the call, where calls are measured. */
  readonly operation: Operation | undefined;
}

/** Its signal is made when it is first read: few calls are cancelled, and many never ask. */
class RequestCaller implements Caller {
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;

  constructor(
    readonly key: string,
    trace: TraceContext | undefined,
    private readonly call: CallOrigin['call'],
  ) {
    this.traceparent = trace?.traceparent;
    this.tracestate = trace?.tracestate;
  }

  get signal(): AbortSignal {
    return this.call.signal;
  }
}

const isChecked = ({ output }: RegisteredTool, { isError, structuredContent }: CallToolResult): boolean =>
  output !== undefined && !output.isAdvertisedOnly && !isError && structuredContent !== undefined;

/** Ids of tasks are UUIDs; anything else does not go into log lines. */
const TASK_ID = /^[\da-f-]{36}$/i;
const isTaskId = (value: unknown): value is string => typeof value === 'string' && TASK_ID.test(value);

/** Runs calls of tools, and handles every exception that passes the pipeline. */
@Injectable()
export class ToolRunner {
  constructor(
    private readonly registry: ToolRegistry,
    private readonly errors: ToolErrorMapper,
    private readonly sources: ToolSources,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** As {@link ToolSources.encodedList}. */
  encodedList(family: RevisionFamily, viewer: Viewer): EncodedResult | Promise<EncodedResult> {
    return this.sources.encodedList(family, viewer);
  }

  /** A tool of the client; at once, unless it may be one of its key alone. */
  find(name: string, viewer: Viewer): RegisteredTool | Promise<RegisteredTool> {
    const tool = this.registry.find(name);
    return tool && this.registry.isOffered(tool, viewer) ? tool : this.findElsewhere(name, viewer);
  }

  /** A tool of the client that was found before, or is one of every key. */
  known(name: string, viewer: Viewer): RegisteredTool | undefined {
    return this.registry.find(name) ?? this.sources.known(name, viewer);
  }

  /** @throws {ProtocolError} when the client has no such tool. */
  private async findElsewhere(name: string, viewer: Viewer): Promise<RegisteredTool> {
    const found = await this.sources.find(name, viewer);
    if (found) return found;
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `Tool ${name} not found${this.registry.adviceOn(name, viewer)}`,
    );
  }

  /**
   * Runs a call of any revision, whether our code or the SDK dispatches it.
   *
   * @throws {ProtocolError} when the tool asked for one.
   */
  run(
    tool: RegisteredTool,
    request: CallToolRequest,
    sdk: ServerContext,
    origin: CallOrigin,
  ): Promise<CallToolResult> {
    const context = new ToolContext(this.partsOf(tool.name, request, sdk, origin));
    const args = request.params.arguments ?? {};
    const taskId: unknown = args['task_id'];
    if (isTaskId(taskId)) noteInScope({ taskId });
    const running = this.execute(tool, context, args, origin.operation);
    return origin.operation ? measured(running, tool, origin.operation) : running;
  }

  /** @param tool its name, or the method of any other request. */
  partsOf(
    tool: string,
    request: CallToolRequest,
    sdk: ServerContext,
    { rawRequest, session, server, call, operation }: CallOrigin,
  ): RequestParts {
    const { token: key, keyHash } = rawRequest.auth;
    const trace = operation?.trace ?? traceContextIn(request.params._meta, rawRequest.headers);
    if (trace) noteInScope({ trace });
    return {
      tool,
      caller: new RequestCaller(key, trace, call),
      keyHash,
      request,
      session,
      rawRequest,
      sdk,
      replyBytes: replyBytes(this.config.mcpReplyTokens),
      server,
    };
  }

  private async execute(
    tool: RegisteredTool,
    context: ToolContext,
    args: unknown,
    operation: Operation | undefined,
  ): Promise<CallToolResult> {
    try {
      if (tool.tasks?.isRequired && !context.takesTask) throw tasksNotDeclared();
      this.registry.authorize(tool, userOf(context.getRawRequest()));
      requireSoundShape(args);
      const { input } = tool;
      const payload = !input || input.isAdvertisedOnly ? args : await input.parse(args);
      const value = await tool.invoke(payload, context);
      const result = toNewResult(value, this.config.mcpReplyTokens);
      if (result.isError && context.answered !== undefined)
        operation?.because(toolFailureOf(context.answered));
      if (result['resultType'] === 'task' && !context.takesTask)
        throw new Error(`tool ${tool.name} answered with a task to a client that takes none`);
      return isChecked(tool, result) ? await this.checked(tool, result) : result;
    } catch (error) {
      // Nest's own filter hides the exception; the recorded one has the details.
      const thrown = isMasked(error) ? (context.thrown ?? error) : error;
      if (thrown instanceof ProtocolError) throw thrown;
      operation?.because(toolFailureOf(thrown));
      return this.errors.toToolResult(context, thrown);
    }
  }

  /** Validates a third-party result against its output schema; the product's own are validated on arrival. */
  private async checked({ name, output }: RegisteredTool, result: CallToolResult): Promise<CallToolResult> {
    const { structuredContent, content } = result;
    const answer = await output?.parse(structuredContent).catch((cause: unknown) => {
      throw new Error(`tool ${name} returned something else than its output schema says`, { cause });
    });
    const wrapped = toToolResult(answer, this.config.mcpReplyTokens);
    const texts = hasOwnText(result) ? [...wrapped.content, ...content.slice(1)] : content;
    return { ...result, ...wrapped, content: texts };
  }
}

async function measured(
  running: Promise<CallToolResult>,
  { name }: RegisteredTool,
  operation: Operation,
): Promise<CallToolResult> {
  const result = await running;
  operation.ranTool(name, result);
  return result;
}
