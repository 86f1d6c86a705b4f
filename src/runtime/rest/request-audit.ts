import type { NextFunction, Request, Response } from 'express';

import { auditedIds, type AuditLog, auditOutcomeOf } from '../../audit/index.js';
import { currentScope } from '../../telemetry/index.js';
import { isOfRuntime, routeOf } from './request-spans.js';

/** Methods that only read. A call of a service may do anything, with every method. */
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const SERVICE_CALL = /^\/api\/v1\/r\/containers\/[^/]+\//;

type Middleware = (request: Request, response: Response, next: NextFunction) => void;

/** A line in the audit for every write, every call of a service and every refused use of a key, once it is answered. */
export function auditRequests(audit: AuditLog): Middleware | undefined {
  if (!audit.isOn) return undefined;
  return (request, response, next) => {
    if (isOfRuntime(request)) watch(audit, request, response);
    next();
  };
}

function watch(audit: AuditLog, request: Request, response: Response): void {
  const startedAt = performance.now();
  // The response is closed outside of it.
  const scope = currentScope();
  const isWrite = !READS.has(request.method) || SERVICE_CALL.test(request.path);
  response.once('close', () => {
    const { refusal, taskId } = scope ?? {};
    if (!isWrite && !refusal) return;
    const ids = { ...auditedIds(request.params), ...(taskId !== undefined && { task_id: taskId }) };
    audit.record(
      {
        audit: 'rest_call',
        outcome: response.writableFinished ? auditOutcomeOf(response.statusCode) : 'cancelled',
        // The path itself is text of a caller, and may be a link.
        route: `${request.method} ${routeOf(request) ?? 'unknown'}`,
        status: response.headersSent ? response.statusCode : undefined,
        reason: refusal?.reason,
        ids,
        duration_ms: performance.now() - startedAt,
        key_prefix: scope?.credentialId === undefined ? refusal?.key_prefix : undefined,
        peer: request.socket.remoteAddress,
      },
      scope,
    );
  });
}
