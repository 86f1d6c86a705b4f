import type { IncomingHttpHeaders } from 'node:http';
import type { RequestId } from '@modelcontextprotocol/server';

type Params = Record<string, unknown> & {
  readonly _meta?: Record<string, unknown> & { readonly progressToken?: string | number };
};

export interface RequestMessage {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly method: string;
  readonly params?: Params;
}

export interface NotificationMessage {
  readonly jsonrpc: '2.0';
  readonly method: string;
  readonly params?: Params;
}

/** The SDK has a separate schema for it. */
const RELATED_TASK = 'io.modelcontextprotocol/related-task';
const MEMBERS: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params']);

/**
 * A cheap check that accepts only plain requests and notifications of MCP. A message that fails it may still be valid;
 * the SDK's schemas decide that, at a higher cost.
 */
export function isPlainMessage(body: unknown): body is RequestMessage | NotificationMessage {
  if (!isRecord(body) || body['jsonrpc'] !== '2.0' || typeof body['method'] !== 'string') return false;
  for (const member in body) if (!MEMBERS.has(member)) return false;
  if ('id' in body && !isRequestId(body['id'])) return false;
  const params = body['params'];
  return params === undefined ? !('params' in body) : isRecord(params) && isPlainMeta(params['_meta']);
}

function isPlainMeta(meta: unknown): boolean {
  if (meta === undefined) return true;
  if (!isRecord(meta) || RELATED_TASK in meta) return false;
  const token = meta['progressToken'];
  return token === undefined || isRequestId(token);
}

export const isRequest = (message: object): message is RequestMessage =>
  'method' in message && 'id' in message;

export const isNotification = (message: object): message is NotificationMessage =>
  'method' in message && !('id' in message);

export const isRequestId = (value: unknown): value is RequestId =>
  typeof value === 'string' || Number.isSafeInteger(value);

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as JSON; `undefined` when it is nested too deeply for that. */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** The message for a result that is JSON text already. */
export const resultMessage = (id: RequestId, result: string): string =>
  `{"result":${result},"jsonrpc":"2.0","id":${JSON.stringify(id)}}`;

export const errorMessage = (id: RequestId, error: object): string =>
  JSON.stringify({ jsonrpc: '2.0', id, error });

export const notificationMessage = (method: string, params?: object): string =>
  JSON.stringify({ jsonrpc: '2.0', method, params });

/** Name and arguments of a tools/call that needs no check by the SDK. */
interface PlainCall {
  readonly name: string;
  readonly arguments?: Record<string, unknown>;
}

/** Params that belong to parts of the protocol the SDK serves. */
const SDK_ONLY = ['task', 'inputResponses', 'requestState'] as const;

export function plainCallOf({ params }: RequestMessage): PlainCall | undefined {
  if (params === undefined || typeof params['name'] !== 'string') return undefined;
  if ('arguments' in params && !isRecord(params['arguments'])) return undefined;
  if (SDK_ONLY.some((member) => member in params)) return undefined;
  return params as unknown as PlainCall;
}

/** Whether a request uses parts of the protocol that the SDK serves. */
export const isForSdk = ({ params = {} }: RequestMessage): boolean =>
  SDK_ONLY.some((member) => member in params);

/** Whether a list request has no cursor; there is only one page. */
export const isPlainList = ({ params }: RequestMessage): boolean => params?.['cursor'] === undefined;

export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
