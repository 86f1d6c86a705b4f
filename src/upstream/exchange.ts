import type { Dispatcher } from 'undici';

import { DeadlinePassed } from './cutoff.js';

type Controller = Dispatcher.DispatchController;
export type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** All of the body, or what to read it from. */
  readonly data: unknown;
}

/** When to stop, whatever the runtime does. */
export interface Limits {
  readonly signal: AbortSignal | undefined;
  /** For headers and body together. */
  readonly timeoutMs: number | undefined;
}

/**
 * One request and its answer, as undici tells of it. Its own `request` makes a stream of every body; for an answer
 * of a few hundred bytes that is half of what the exchange costs.
 */
export abstract class Exchange implements Dispatcher.DispatchHandler {
  private readonly outcome = Promise.withResolvers<Answer>();
  private readonly giveUp = (): void => this.fail(reasonOf(this.limits.signal));
  private readonly expire = (): void => this.fail(new DeadlinePassed('no answer in time'));
  private timer: NodeJS.Timeout | undefined;
  private controller: Controller | undefined;
  private failure: Error | undefined;

  constructor(private readonly limits: Limits) {}

  /** Makes the request; called once. */
  over(dispatcher: Dispatcher, request: Dispatcher.DispatchOptions): Promise<Answer> {
    const { signal, timeoutMs } = this.limits;
    if (timeoutMs !== undefined) this.timer = setTimeout(this.expire, timeoutMs).unref();
    signal?.addEventListener('abort', this.giveUp, { once: true });
    try {
      if (signal?.aborted) this.giveUp();
      else dispatcher.dispatch(request, this);
    } catch (thrown) {
      this.fail(thrown instanceof Error ? thrown : new Error('not sent', { cause: thrown }));
    }
    return this.outcome.promise;
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.failure) controller.abort(this.failure);
  }

  onResponseStart(controller: Controller, status: number, headers: Headers): void {
    // Parsed by now; an open stream would carry them about to its end.
    controller.rawHeaders = null;
    // Whatever is below is no answer yet.
    if (status >= 200) this.began(status, headers);
  }

  abstract onResponseData(controller: Controller, chunk: Buffer): void;

  abstract onResponseEnd(): void;

  onResponseError(_controller: Controller | null, error: Error): void {
    this.fail(error);
  }

  protected abstract began(status: number, headers: Headers): void;

  /** The body will not come to its end. */
  protected abstract broke(error: Error): void;

  protected succeed(answer: Answer): void {
    this.outcome.resolve(answer);
  }

  /** Ends it before its time; the connection is closed. */
  protected fail(error: Error): void {
    if (this.failure) return;
    this.failure = error;
    this.finish();
    this.outcome.reject(error);
    this.broke(error);
    this.controller?.abort(error);
  }

  /** Resumes a body that was paused. */
  protected resume(): void {
    this.controller?.resume();
  }

  /** Nothing more is to be waited for. */
  protected finish(): void {
    clearTimeout(this.timer);
    this.limits.signal?.removeEventListener('abort', this.giveUp);
  }
}

const reasonOf = (signal: AbortSignal | undefined): Error => {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('given up');
};
