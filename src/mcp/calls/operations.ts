import { Inject, Injectable } from '@nestjs/common';

import { CONFIG, type Config } from '../../config/index.js';
import { BoundedValues, ENDPOINT, histogramOf, OTHER } from '../../telemetry/index.js';

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

/** A request, and when its body had been read. */
interface ReceivedRequest {
  readonly receivedAt?: number;
}

const durations = (): ReturnType<typeof histogramOf<typeof ENDPOINT.operationDuration>> =>
  histogramOf(ENDPOINT.operationDuration);
type OperationLabels = Partial<Record<keyof typeof ENDPOINT.operationDuration.labels, string>>;

/** What is shared by the operations of a process. */
interface Measures {
  readonly duration: ReturnType<typeof durations>;
  /** Tools of modules and workflows included; the text of a caller never is one. */
  readonly tools: BoundedValues;
}

/** One request or notification, from its arrival to its answer. */
export class Operation {
  private readonly labels: OperationLabels;
  private isOver = false;

  constructor(
    private readonly measures: Measures,
    private readonly receivedAt: number,
    method: string,
    revision: string,
  ) {
    this.labels = { 'mcp.method.name': method, 'mcp.protocol.version': revision };
  }

  /** The tool that has run for it. */
  ranTool(name: string, { isError }: { readonly isError?: boolean | undefined }): void {
    this.labels['gen_ai.tool.name'] = this.measures.tools.labelOf(name);
    if (isError) this.failed('tool_error');
  }

  /** @param error code of the JSON-RPC error, or another reason. */
  failed(error: number | string): void {
    this.labels['error.type'] = String(error);
  }

  /** May be called twice. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.measures.duration.record((performance.now() - this.receivedAt) / 1000, this.labels);
  }
}

/** Measures operations while there is a page of metrics; otherwise nothing is made and nothing counted. */
@Injectable()
export class Operations {
  private readonly measures: Measures | undefined;

  constructor(@Inject(CONFIG) { metricsPort }: Config) {
    if (metricsPort !== undefined)
      this.measures = { duration: durations(), tools: new BoundedValues(MOST_TOOLS) };
  }

  /** The time, where it is used. */
  now(): number | undefined {
    return this.measures && performance.now();
  }

  /** @param revision one that this server knows; `undefined` for any other. */
  begin(
    { receivedAt }: ReceivedRequest,
    method: string,
    revision: string | undefined,
  ): Operation | undefined {
    if (!this.measures || receivedAt === undefined) return undefined;
    return new Operation(this.measures, receivedAt, METHODS.has(method) ? method : OTHER, revision ?? OTHER);
  }
}
