import { AsyncLocalStorage } from 'node:async_hooks';

import { type TraceContext, traceIdsOf } from './trace-context.js';

/** What is known of the request or run at hand. Every log line in it has these ids; they come to be known one by one. */
export interface LogScope {
  requestId?: string | undefined;
  /** Of its span, or of its client where it has none. */
  trace?: TraceContext | undefined;
  credentialId?: string | undefined;
  teamId?: string | undefined;
  taskId?: string | undefined;
  /** The use of a key that was refused, for the audit alone. */
  refusal?: { readonly reason: string; readonly key_prefix: string } | undefined;
}

const scopes = new AsyncLocalStorage<LogScope>();

/** Runs a function, and all that it waits for, within a scope. */
export const withinScope = <Result>(scope: LogScope, run: () => Result): Result =>
  scopes.run(withAllFields(scope), run);

/** Runs a function outside of any scope: what it starts lives longer than the request at hand. */
export const outsideScope = <Result>(run: () => Result): Result => scopes.exit(run);

export const currentScope = (): LogScope | undefined => scopes.getStore();

/** All fields from the start, as V8 makes a new shape for each one that is added; every request has a scope. */
const withAllFields = (scope: LogScope): LogScope => {
  const { requestId, trace, credentialId, teamId, taskId, refusal } = scope;
  return { requestId, trace, credentialId, teamId, taskId, refusal };
};

/** Adds what has come to be known of the request or run at hand. */
export function noteInScope(known: LogScope): void {
  const scope = currentScope();
  if (!scope) return;
  const { requestId, trace, credentialId, teamId, taskId, refusal } = known;
  if (requestId !== undefined) scope.requestId = requestId;
  if (trace) scope.trace = trace;
  if (credentialId !== undefined) scope.credentialId = credentialId;
  if (teamId !== undefined) scope.teamId = teamId;
  if (taskId !== undefined) scope.taskId = taskId;
  if (refusal) scope.refusal = refusal;
}

/** Runs a function in a copy of the current scope: of one of several messages of a request. */
export function withinCopy<Result>(run: () => Result): Result {
  const scope = currentScope();
  return scope ? withinScope(scope, run) : run();
}

/** The headers with which a request to another server continues the trace at hand. */
export function traceHeaders(): Record<string, string> {
  const trace = currentScope()?.trace;
  if (!trace) return {};
  const { traceparent, tracestate } = trace;
  return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
}

/** The fields of a scope, by their names in the log. */
export function scopeFields(scope: LogScope | undefined = currentScope()): Record<string, string> {
  if (!scope) return {};
  const { requestId, trace, credentialId, teamId, taskId } = scope;
  return {
    ...(trace && traceIdsOf(trace.traceparent)),
    ...(requestId !== undefined && { request_id: requestId }),
    ...(teamId !== undefined && { team_id: teamId }),
    ...(credentialId !== undefined && { credential_id: credentialId }),
    ...(taskId !== undefined && { task_id: taskId }),
  };
}
