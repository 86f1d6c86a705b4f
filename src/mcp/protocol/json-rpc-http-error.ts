import type { OutgoingHttpHeaders } from 'node:http';
import type { RequestId } from '@modelcontextprotocol/server';

/** Limits that are counted when a request exceeds them. */
export const LIMIT_NAMES = [
  'url_length',
  'body_size',
  'body_time',
  'bodies_total',
  'batch_size',
  'hello_size',
  'sessions',
  'sessions_per_key',
  'requests',
  'requests_per_key',
  'calls_per_key',
  'streams_per_key',
  'requests_per_session',
  'streams_per_session',
] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** Codes of JSON-RPC and of the SDK's transports for errors before a method is called. */
export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  invalidParams: -32602,
  internalError: -32603,
  serverError: -32000,
  sessionNotFound: -32001,
} as const;

interface Answered {
  readonly id?: RequestId | null;
  readonly headers?: OutgoingHttpHeaders;
  /** The exceeded limit, if that is the reason. */
  readonly limit?: LimitName;
}

/** A rejected request: the HTTP status and the JSON-RPC error of the response. */
export class JsonRpcHttpError extends Error {
  override readonly name = 'JsonRpcHttpError';
  readonly headers: OutgoingHttpHeaders;
  readonly limit: LimitName | undefined;
  readonly id: RequestId | null;

  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    { id = null, headers = {}, limit }: Answered = {},
  ) {
    super(message);
    this.id = id;
    this.headers = headers;
    this.limit = limit;
  }
}
