import {
  type InputRequests,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';

import { isRecord } from './messages.js';

/** The Tasks extension (SEP-2663) of 2026-07-28. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

/** The capability by which a server, or the request of a client, declares the extension. */
export const TASKS_CAPABILITY = { extensions: { [TASKS_EXTENSION]: {} } } as const;

export const TASK_METHODS = ['tasks/get', 'tasks/update', 'tasks/cancel'] as const;
export type TaskMethod = (typeof TASK_METHODS)[number];

export const isTaskMethod = (method: string): method is TaskMethod =>
  (TASK_METHODS as readonly string[]).includes(method);

/** What the extension says about every task. */
interface TaskFields {
  readonly taskId: string;
  /** For people and models. */
  readonly statusMessage?: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  /** How long it is kept from its creation; null without a limit. */
  readonly ttlMs: number | null;
  readonly pollIntervalMs?: number;
}

/** A task with what belongs to its status. */
export type DetailedTask = TaskFields &
  (
    | { readonly status: 'working' | 'cancelled' }
    /** Keys must not be used again during the life of the task. */
    | { readonly status: 'input_required'; readonly inputRequests: InputRequests }
    /** `result` as a tool returns it; also of a tool that failed. */
    | { readonly status: 'completed'; readonly result: unknown }
    /** The error of a JSON-RPC request, not the failure of a tool. */
    | { readonly status: 'failed'; readonly error: { readonly code: number; readonly message: string } }
  );

const ENDED: ReadonlySet<DetailedTask['status']> = new Set(['completed', 'failed', 'cancelled']);

export const hasEnded = ({ status }: DetailedTask): boolean => ENDED.has(status);

/** Whether the capabilities in a request declare the extension; those of earlier requests do not count. */
export function declaresTasks(capabilities: unknown): boolean {
  const extensions = isRecord(capabilities) ? capabilities['extensions'] : undefined;
  return isRecord(extensions) && isRecord(extensions[TASKS_EXTENSION]);
}

/** The error for a request that needs the extension and does not declare it. */
export const tasksNotDeclared = (): MissingRequiredClientCapabilityError =>
  new MissingRequiredClientCapabilityError(
    { requiredCapabilities: TASKS_CAPABILITY },
    `Missing required client capability: this request needs the extension ${TASKS_EXTENSION}. Declare it in the capabilities of the request.`,
  );

/** Parameters of a request for a task. */
export interface TaskParams {
  readonly taskId: string;
  /** Of tasks/update; empty for the others. */
  readonly inputResponses: Readonly<Record<string, unknown>>;
}

/** @throws {ProtocolError} -32602 that names the field. */
export function taskParamsOf(method: TaskMethod, params: Readonly<Record<string, unknown>> = {}): TaskParams {
  const { taskId, inputResponses = {} } = params;
  if (typeof taskId !== 'string' || taskId === '') throw invalid('taskId', 'a string', taskId);
  if (method !== 'tasks/update') return { taskId, inputResponses: {} };
  if (!isRecord(inputResponses) || params['inputResponses'] === undefined)
    throw invalid('inputResponses', 'an object', params['inputResponses']);
  return { taskId, inputResponses };
}

function invalid(field: string, wanted: string, found: unknown): ProtocolError {
  const fault = found === undefined ? `is missing; it must be ${wanted}` : `must be ${wanted}`;
  return new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params: params.${field} ${fault}.`);
}
