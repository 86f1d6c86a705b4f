import { Inject, Injectable } from '@nestjs/common';
import { type Span, SpanKind } from '@opentelemetry/api';

import { AuditLog } from '../../audit/index.js';
import { CONFIG, type Config } from '../../config/index.js';
import {
  BoundedValues,
  ENDPOINT,
  failSpan,
  histogramOf,
  noteInScope,
  OTHER,
  startSpan,
  type TraceContext,
  traceContextIn,
  traceContextOf,
} from '../../telemetry/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import { type AuditableMessage, AuditedCall, isAudited, type ToolFailure } from './audited-call.js';

/** Methods and notifications of all revisions; a client may send any other text. */
const METHODS: ReadonlySet<string> = new Set([
  'completion/complete',
  'initialize',
  'logging/setLevel',
  'notifications/cancelled',
  'notifications/initialized',
  'notifications/progress',
  'notifications/roots/list_changed',
  'ping',
  'prompts/get',
  'prompts/list',
  'resources/list',
  'resources/read',
  'resources/subscribe',
  'resources/templates/list',
  'resources/unsubscribe',
  'server/discover',
  'subscriptions/listen',
  'tasks/cancel',
  'tasks/get',
  'tasks/update',
  'tools/call',
  'tools/list',
]);
const MOST_TOOLS = 200;

/** A request, when its body had been read, and the trace in its headers. */
type ReceivedRequest = Pick<McpHttpRequest, 'receivedAt' | 'headers' | 'auth' | 'socket'>;

const durations = (): ReturnType<typeof histogramOf<typeof ENDPOINT.operationDuration>> =>
  histogramOf(ENDPOINT.operationDuration);
type OperationLabels = Partial<Record<keyof typeof ENDPOINT.operationDuration.labels, string>>;

/** What is shared by the operations of a process. */
interface Measures {
  readonly duration: ReturnType<typeof durations>;
  /** Tools of modules and workflows included; the text of a caller never is one. */
  readonly tools: BoundedValues;
}

/** What an operation is watched with. */
interface OperationWatch {
  readonly measures: Measures | undefined;
  readonly span: Span | undefined;
  readonly audited: AuditedCall | undefined;
}

/** One request or notification, from its arrival to its answer. */
export class Operation {
  private readonly labels: OperationLabels;
  private isOver = false;

  constructor(
    private readonly watch: OperationWatch,
    private readonly receivedAt: number,
    private readonly method: string,
    revision: string,
  ) {
    this.labels = { 'mcp.method.name': method, 'mcp.protocol.version': revision };
  }

  /** What its requests to the runtime are part of; `undefined` where it has no span. */
  get trace(): TraceContext | undefined {
    return this.watch.span && traceContextOf(this.watch.span);
  }

  /** The tool that has run for it. */
  ranTool(name: string, result: { readonly isError?: boolean | undefined }): void {
    const { measures, span, audited } = this.watch;
    if (measures) this.labels['gen_ai.tool.name'] = measures.tools.labelOf(name);
    span?.updateName(`${this.method} ${name}`);
    span?.setAttributes({ 'gen_ai.tool.name': name, 'gen_ai.operation.name': 'execute_tool' });
    audited?.ran(name, result);
    if (result.isError) this.failed('tool_error');
  }

  /** Why the tool will answer with an error. */
  because(failure: ToolFailure): void {
    this.watch.audited?.because(failure);
  }

  /** @param error code of the JSON-RPC error, or another reason. */
  failed(error: number | string): void {
    const { span, audited } = this.watch;
    this.labels['error.type'] = String(error);
    audited?.failed(error);
    if (!span) return;
    failSpan(span, String(error));
    if (typeof error === 'number') span.setAttribute('rpc.response.status_code', String(error));
  }

  /** May be called twice. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    const { measures, span, audited } = this.watch;
    const now = performance.now();
    measures?.duration.record((now - this.receivedAt) / 1000, this.labels);
    audited?.end(now - this.receivedAt);
    span?.end(now);
  }
}

/** Measures, traces and audits operations where that is configured; otherwise nothing is made and nothing counted. */
@Injectable()
export class Operations {
  private readonly measures: Measures | undefined;
  private readonly tracing: { readonly isContinued: boolean } | undefined;

  constructor(
    @Inject(CONFIG) { metricsPort, traces: { settings } }: Config,
    private readonly audit: AuditLog,
  ) {
    if (metricsPort !== undefined)
      this.measures = { duration: durations(), tools: new BoundedValues(MOST_TOOLS) };
    if (settings) this.tracing = { isContinued: settings.isPropagated };
  }

  /** The time, where it is used. */
  now(): number | undefined {
    return this.measures || this.tracing || this.audit.isOn ? performance.now() : undefined;
  }

  /** @param revision one that this server knows; `undefined` for any other. */
  begin(
    request: ReceivedRequest,
    message: AuditableMessage,
    revision: string | undefined,
  ): Operation | undefined {
    const { receivedAt } = request;
    if (receivedAt === undefined) return undefined;
    const method = METHODS.has(message.method) ? message.method : OTHER;
    const known = revision ?? OTHER;
    const span = this.tracing && this.spanOf(request, message, { method, revision: known });
    // After the span, whose ids it has.
    const audited =
      this.audit.isOn && isAudited(message) ? new AuditedCall(this.audit, request, message) : undefined;
    return new Operation({ measures: this.measures, span, audited }, receivedAt, method, known);
  }

  private spanOf(
    { receivedAt = performance.now(), headers }: ReceivedRequest,
    { params }: AuditableMessage,
    { method, revision }: { readonly method: string; readonly revision: string },
  ): Span {
    const parent = this.tracing?.isContinued ? traceContextIn(metaOf(params), headers) : undefined;
    const span = startSpan(method, {
      kind: SpanKind.SERVER,
      parent,
      startedAt: receivedAt,
      attributes: {
        'mcp.method.name': method,
        'mcp.protocol.version': revision,
        'network.protocol.name': 'http',
        'network.transport': 'tcp',
      },
    });
    const trace = traceContextOf(span);
    if (trace) noteInScope({ trace });
    return span;
  }
}

function metaOf(params: unknown): object | undefined {
  const meta: unknown =
    typeof params === 'object' && params !== null ? Reflect.get(params, '_meta') : undefined;
  return typeof meta === 'object' && meta !== null ? meta : undefined;
}
