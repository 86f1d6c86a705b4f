import type { RequestId } from '@modelcontextprotocol/server';

import { CODE, errorMessage } from '../protocol/index.js';
import type { EncodedMessage } from './encoded-result.js';
import type { OpenCall } from './in-flight-requests.js';
import type { Reply } from './reply.js';

/** What a client is told whose request outlasted the server. */
export const INTERRUPTED = 'The server shut down before the request was answered; it may have taken effect.';

/** One request that is being worked on; answered once, or given up. */
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

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.reason) this.controller.abort(this.reason);
    }
    return this.controller.signal;
  }

  /** @param status of the response, should it not be a stream by now. */
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

  /** Stops it, and answers nothing: the client does not want an answer any more. */
  cancel(reason: string): void {
    this.stop(reason, 'cancelled');
  }

  interrupt(): void {
    this.answer(errorMessage(this.id, { code: CODE.serverError, message: INTERRUPTED }));
  }

  /** Gives it up after a while, counted from the last time this was said, unless it is done by then. */
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
