import { auditedIds, type AuditLog, type AuditOutcome } from '../../audit/index.js';
import { currentScope } from '../../telemetry/index.js';
import type { McpHttpRequest } from '../auth/index.js';
import { CODE } from '../protocol/index.js';

/** What a tool can be called; any other text of a client is not repeated. */
const TOOL_NAME = /^[\w.:-]{1,128}$/;
/** As much of a hash as distinguishes keys. */
const HASH_LENGTH = 16;

/** Why a tool did not do what it was asked to. */
export interface ToolFailure {
  /** In a word. */
  readonly reason: string;
  /** Of the Runtime API, when it was that. */
  readonly status?: number | undefined;
  /** It was not done because it may not be, or not in this way. */
  readonly isRefusal: boolean;
}

/** The beginning of the hash of a key, as the audit names a key that it knows no id of. */
export const auditedKey = ({ auth }: Partial<Pick<McpHttpRequest, 'auth'>>): string | undefined =>
  auth?.keyHash.slice(0, HASH_LENGTH);

/** The task that the handle in a request or a result of the Tasks extension stands for. */
function taskIdIn(given: object): string | undefined {
  const handle: unknown = Reflect.get(given, 'taskId');
  return typeof handle === 'string'
    ? /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/i.exec(handle)?.[0]
    : undefined;
}

/** A message of a client. */
export interface AuditableMessage {
  readonly method: string;
  readonly params?: unknown;
}

/** What may change something: calls of tools, and requests of the Tasks extension that do not only read. */
const AUDITED: ReadonlySet<string> = new Set(['tools/call', 'tasks/cancel', 'tasks/update']);

export const isAudited = ({ method }: AuditableMessage): boolean => AUDITED.has(method);

/** One call of a tool, or a change of a task, for the audit; from its arrival to its answer. */
export class AuditedCall {
  private readonly method: string;
  private tool: string | undefined;
  private outcome: AuditOutcome = 'ok';
  private failure: ToolFailure | undefined;
  private readonly ids: ReturnType<typeof auditedIds>;
  private readonly scope = currentScope();

  constructor(
    private readonly audit: AuditLog,
    private readonly request: Pick<McpHttpRequest, 'auth' | 'socket'>,
    { method, params: given }: AuditableMessage,
  ) {
    this.method = method;
    const params: object = typeof given === 'object' && given ? given : {};
    const name: unknown = Reflect.get(params, 'name');
    this.tool = typeof name === 'string' && TOOL_NAME.test(name) ? name : undefined;
    const task_id = taskIdIn(params);
    this.ids = { ...auditedIds(Reflect.get(params, 'arguments')), ...(task_id && { task_id }) };
  }

  /** The tool has run. */
  ran(name: string, result: object): void {
    this.tool = name;
    const { task_id = taskIdIn(result), file_key } = auditedIds(Reflect.get(result, 'structuredContent'));
    Object.assign(this.ids, { ...(task_id && { task_id }), ...(file_key && { file_key }) });
  }

  /** Why the result of the tool is an error. */
  because(failure: ToolFailure): void {
    this.failure = failure;
  }

  /** @param error code of the JSON-RPC error, or another reason. */
  failed(error: number | string): void {
    if (error === 'cancelled' || error === 'abandoned') this.outcome = 'cancelled';
    else if (error === CODE.invalidParams || this.failure?.isRefusal) this.outcome = 'refused';
    else this.outcome = 'failed';
    this.failure ??= { reason: String(error), isRefusal: this.outcome === 'refused' };
  }

  end(durationMs: number): void {
    const { method, tool, outcome, failure, ids } = this;
    const isCall = method === 'tools/call';
    const what = isCall
      ? ({ audit: 'tool_call', tool } as const)
      : ({ audit: 'mcp_request', route: method } as const);
    this.audit.record(
      {
        ...what,
        outcome,
        status: failure?.status,
        reason: outcome === 'ok' ? undefined : failure?.reason,
        ids,
        duration_ms: durationMs,
        key_hash: auditedKey(this.request),
        peer: this.request.socket.remoteAddress,
      },
      this.scope,
    );
  }
}
