import type { RequestId } from '@modelcontextprotocol/server';

import { CODE, errorMessage } from '../protocol/index.js';
import type { EncodedMessage } from './encoded-result.js';
import type { OpenCall } from './in-flight-requests.js';
import type { Reply } from './reply.js';

/** The error for a request that was not finished at shutdown. */
export const INTERRUPTED = 'The server shut down before the request was answered; it may have taken effect.';

/** One request in progress; answered once, or cancelled. */
export class Call implements OpenCall {
  index?: number;
  private controller: AbortController | undefined;
  private reason: Error | undefined;
  private isDone = false;
  private abandonTimer: NodeJS.Timeout | undefined;

  constructor(
    readonly id: RequestId,
    readonly keyHash: string,
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

  /** @param status of the response, unless it is already a stream. */
  answer(message: string | EncodedMessage, status?: number): void {
    if (this.isDone) return;
    this.finish();
    this.reply.answer(message, status);
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
    this.answer(errorMessage(this.id, { code: CODE.serverError, message: INTERRUPTED }));
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
    this.finish();
    this.reply.skip(why);
  }

  private finish(): void {
    this.isDone = true;
    clearTimeout(this.abandonTimer);
    this.onDone(this);
  }
}
