import type { OutgoingHttpHeaders } from 'node:http';
import type { RequestId } from '@modelcontextprotocol/server';

import { CODE, errorMessage, type LimitName } from '../protocol/index.js';
import type { OpenCall } from './in-flight-requests.js';
import type { Operation } from './operations.js';
import type { EncodedMessage, Reply } from './reply.js';

/** Requests of a POST that were accepted. */
export interface Accepted {
  /** Never rejects. In an object, so that awaiting acceptance does not await the answers. */
  readonly answered: Promise<unknown>;
}

export const ALREADY_ANSWERED: Accepted = { answered: Promise.resolve() };

/** The error for a request that was not finished at shutdown. */
export const INTERRUPTED = 'The server shut down before the request was answered; it may have taken effect.';

/** An error of JSON-RPC. */
interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
  /** Of the response, unless it is already a stream. */
  readonly headers?: OutgoingHttpHeaders;
  /** The limit that the call exceeds, if that is the reason. */
  readonly limit?: LimitName | undefined;
}

const CLIENT_ERROR = 400;
const SERVER_ERROR = 500;

/** One request in progress; answered once, or cancelled. */
export class Call implements OpenCall {
  index?: number;
  isStream?: boolean;
  /** Measures it, where requests are measured. */
  operation: Operation | undefined;
  /** Called before its answer becomes a stream, and throws when that is one too many. */
  beforeStream: ((call: Call) => void) | undefined;
  private controller: AbortController | undefined;
  private reason: Error | undefined;
  private isDone = false;
  private abandonTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly id: RequestId,
    readonly owner: string,
    readonly reply: Reply,
    private readonly onDone: (call: Call) => void,
  ) {}

  /** Aborted when the client no longer waits for the response. */
  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.reason) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  /**
   * Makes its answer a stream from the start.
   *
   * @throws {JsonRpcHttpError} 429 when the key has too many.
   */
  openStream(): void {
    this.beforeStream?.(this);
    this.reply.openStream();
  }

  /** @param status of the response, unless it is already a stream. */
  answer(message: string | EncodedMessage, status?: number): void {
    if (this.isDone) return;
    this.finish();
    this.reply.answer(message, status);
  }

  fail({ code, message, data, headers, limit }: RpcError, status?: number): void {
    if (status !== undefined && status >= CLIENT_ERROR)
      this.operation?.because({ reason: limit ?? String(code), status, isRefusal: status < SERVER_ERROR });
    this.operation?.failed(code);
    Object.assign(this.reply.headers, headers);
    this.answer(errorMessage(this.id, { code, message, data }), status);
  }

  async notify(message: string): Promise<void> {
    if (!this.isDone) await this.reply.notify(message);
  }

  abort(reason: string): void {
    if (this.isDone || this.reason) return;
    this.reason = new Error(reason);
    this.controller?.abort(this.reason);
  }

  /** Stops it without a response: the client does not want one. */
  cancel(reason: string): void {
    this.stop(reason, 'cancelled');
  }

  interrupt(): void {
    this.fail({ code: CODE.serverError, message: INTERRUPTED });
  }

  /** Cancels it after a delay unless it is done by then; a later call restarts the delay. */
  cancelIn(delayMs: number, reason: string): void {
    if (this.isDone) return;
    clearTimeout(this.abandonTimer);
    this.abandonTimer = setTimeout(() => this.stop(reason, 'abandoned'), delayMs).unref();
  }

  private stop(reason: string, why: 'cancelled' | 'abandoned'): void {
    if (this.isDone) return;
    this.abort(reason);
    this.operation?.failed(why);
    this.finish();
    this.reply.skip(why);
  }

  private finish(): void {
    this.isDone = true;
    clearTimeout(this.abandonTimer);
    this.operation?.end();
    this.onDone(this);
  }
}
