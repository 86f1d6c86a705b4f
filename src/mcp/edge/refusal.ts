import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

import type { RequestId } from '@modelcontextprotocol/server';

import { closeUnlessRead } from '../../http/index.js';
import type { Bound } from '../bounds/bounds.js';

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
  private readonly id: RequestId | null;

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

  /** Answers the request with it, unless an answer is under way. */
  send(response: ServerResponse): void {
    if (response.headersSent) {
      response.end();
      return;
    }
    closeUnlessRead(response);
    const { code, message } = this;
    const body = JSON.stringify({ jsonrpc: '2.0', error: { code, message }, id: this.id });
    response.writeHead(this.status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      ...this.headers,
    });
    response.end(body);
  }
}
