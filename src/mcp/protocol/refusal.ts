import type { OutgoingHttpHeaders } from 'node:http';

import type { RequestId } from '@modelcontextprotocol/server';

import type { Bound } from './bound.js';

/** Codes of JSON-RPC and of the SDK's transports for what is refused before a method is called. */
export const CODE = {
  parseError: -32700,
  invalidRequest: -32600,
  invalidParams: -32602,
  internalError: -32603,
  refused: -32000,
  sessionNotFound: -32001,
} as const;

interface Answered {
  readonly id?: RequestId | null;
  readonly headers?: OutgoingHttpHeaders;
  /** What was exceeded, if that is the reason. */
  readonly bound?: Bound;
}

/** A request that is turned away: the HTTP status and the JSON-RPC error that say why. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly headers: OutgoingHttpHeaders;
  readonly bound: Bound | undefined;
  readonly id: RequestId | null;

  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
    { id = null, headers = {}, bound }: Answered = {},
  ) {
    super(message);
    this.id = id;
    this.headers = headers;
    this.bound = bound;
  }
}
