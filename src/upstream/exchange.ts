import type { Dispatcher } from 'undici';

import type { MemoryBudget } from '../http/index.js';
import { type ConnectionPools, isIdempotent, isRepeatable, pauseBefore } from './connection-pools.js';
import { DeadlineExceeded } from './deadline.js';

type Controller = Dispatcher.DispatchController;
export type ResponseHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>[2];

export interface RawResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The complete body, or the stream to read it from. */
  readonly data: unknown;
}

export interface ExchangeLimits {
  readonly signal: AbortSignal | undefined;
  /** For headers and body together. */
  readonly timeoutMs: number | undefined;
}

/** The response is larger than the limit; the rest is not read. */
export class ResponseTooLarge extends Error {
  override readonly name = 'ResponseTooLarge';

  /** @param limit in bytes. */
  constructor(readonly limit: number) {
    super(`more than ${limit} bytes`);
  }
}

interface Repetition {
  readonly request: Dispatcher.DispatchOptions;
  readonly dispatcher: Dispatcher;
}

/**
 * One request and its response, as an undici dispatch handler. undici's own `request` makes a stream of every body,
 * which for a response of a few hundred bytes is half of the CPU the exchange takes.
 */
export abstract class Exchange implements Dispatcher.DispatchHandler {
  private readonly response = Promise.withResolvers<RawResponse>();
  private readonly abort = (): void => this.fail(reasonOf(this.limits.signal));
  private readonly expire = (): void => this.fail(new DeadlineExceeded('no answer in time'));
  private timer: NodeJS.Timeout | undefined;
  private controller: Controller | undefined;
  private pause: NodeJS.Timeout | undefined;
  private failure: Error | undefined;
  /** What is sent again if the connection is lost; `undefined` from the first byte of the response on. */
  private repetition: Repetition | undefined;

  constructor(private readonly limits: ExchangeLimits) {}

  /** Sends the request, and once more where that has no effect of its own; called once. */
  send(pools: ConnectionPools, request: Dispatcher.DispatchOptions): Promise<RawResponse> {
    const { signal, timeoutMs } = this.limits;
    if (timeoutMs !== undefined) this.timer = setTimeout(this.expire, timeoutMs).unref();
    signal?.addEventListener('abort', this.abort, { once: true });
    this.repetition = { request, dispatcher: pools.unused };
    if (signal?.aborted) this.abort();
    else this.dispatch({ request, dispatcher: isIdempotent(request.method) ? pools.kept : pools.recent });
    return this.response.promise;
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.failure) controller.abort(this.failure);
  }

  onResponseStart(controller: Controller, status: number, headers: ResponseHeaders): void {
    this.repetition = undefined;
    // They are parsed by now; an open stream would keep them in memory until it ends.
    controller.rawHeaders = null;
    // 1xx: the response itself follows.
    if (status >= 200) this.onHeaders(status, headers);
  }

  abstract onResponseData(controller: Controller, chunk: Buffer): void;

  abstract onResponseEnd(): void;

  onResponseError(_controller: Controller | null, error: Error): void {
    const { repetition } = this;
    // Set when undici begins to write the request.
    const wasSent = this.controller !== undefined;
    if (this.failure || !repetition || !isRepeatable(error, repetition.request.method, wasSent)) {
      this.fail(error);
      return;
    }
    this.repetition = undefined;
    this.controller = undefined;
    this.pause = setTimeout(() => this.dispatch(repetition), pauseBefore(error));
  }

  protected abstract onHeaders(status: number, headers: ResponseHeaders): void;

  /** The rest of the body will not arrive. */
  protected abstract onFailure(error: Error): void;

  protected succeed(response: RawResponse): void {
    this.response.resolve(response);
  }

  /** Aborts the exchange and closes its connection. */
  protected fail(error: Error): void {
    if (this.failure) return;
    this.failure = error;
    this.finish();
    this.response.reject(error);
    this.onFailure(error);
    this.controller?.abort(error);
  }

  private dispatch({ request, dispatcher }: Repetition): void {
    try {
      dispatcher.dispatch(request, this);
    } catch (thrown) {
      this.fail(thrown instanceof Error ? thrown : new Error('not sent', { cause: thrown }));
    }
  }

  protected resume(): void {
    this.controller?.resume();
  }

  protected finish(): void {
    clearTimeout(this.timer);
    clearTimeout(this.pause);
    this.limits.signal?.removeEventListener('abort', this.abort);
  }
}

const reasonOf = (signal: AbortSignal | undefined): Error => {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('aborted');
};

/** Responses up to this size need no memory budget; nearly all are smaller. */
const SMALL = 16_384;
/** Bytes to reserve while the size of a response is not known. */
const UNKNOWN_SIZE = 1_048_576;

export interface BufferLimits {
  /** Bytes of one response. */
  readonly largest: number;
  /** For all responses together. */
  readonly budget: MemoryBudget;
}

/** A response whose body is used only when it is complete. */
export class BufferedResponse extends Exchange {
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private status = 0;
  private headers: ResponseHeaders = {};
  /** Bytes that are reserved, or asked for. */
  private reserved = SMALL;
  private readonly waiter = (): void => this.resume();

  constructor(
    limits: ExchangeLimits,
    private readonly bufferLimits: BufferLimits,
  ) {
    super(limits);
  }

  override onResponseData(controller: Controller, chunk: Buffer): void {
    const { largest, budget } = this.bufferLimits;
    this.size += chunk.length;
    if (this.size > largest) {
      this.fail(new ResponseTooLarge(largest));
      return;
    }
    this.chunks.push(chunk);
    if (this.size <= this.reserved) return;
    this.reserved = Math.min(this.expectedSize, largest);
    if (!budget.reserve(this.waiter, this.reserved)) controller.pause();
  }

  override onResponseEnd(): void {
    this.finish();
    const { status, headers, chunks } = this;
    const [only] = chunks;
    this.succeed({ status, headers, data: chunks.length === 1 && only ? only : Buffer.concat(chunks) });
    chunks.length = 0;
    // Released after the synchronous work on the response, which is parsed and serialised without a pause.
    if (this.reserved > SMALL) setImmediate(() => this.bufferLimits.budget.release(this.waiter));
  }

  protected override onHeaders(status: number, headers: ResponseHeaders): void {
    this.status = status;
    this.headers = headers;
  }

  protected override onFailure(): void {
    this.chunks.length = 0;
    this.bufferLimits.budget.release(this.waiter);
  }

  private get expectedSize(): number {
    const announced = Number(this.headers['content-length']);
    if (announced >= this.size) return announced;
    return this.size <= UNKNOWN_SIZE ? UNKNOWN_SIZE : Infinity;
  }
}
