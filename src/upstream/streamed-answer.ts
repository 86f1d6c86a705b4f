import type { Dispatcher } from 'undici';

import { Exchange, type Headers } from './exchange.js';

/** A reader who is so far behind makes the runtime wait. */
const MOST_WAITING_BYTES = 65_536;

/** An answer that is read as it comes. Leaving the loop closes the connection. */
export class StreamedAnswer extends Exchange implements AsyncIterableIterator<Buffer> {
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private reader: PromiseWithResolvers<IteratorResult<Buffer>> | undefined;
  private hasEnded = false;
  private error: Error | undefined;

  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.reader) {
      this.reader.resolve({ done: false, value: chunk });
      this.reader = undefined;
      return;
    }
    this.waiting.push(chunk);
    this.waitingBytes += chunk.length;
    if (this.waitingBytes > MOST_WAITING_BYTES) controller.pause();
  }

  override onResponseEnd(): void {
    this.hasEnded = true;
    this.finish();
    this.reader?.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<Buffer>> {
    const value = this.waiting.shift();
    if (value) {
      this.waitingBytes -= value.length;
      if (this.waiting.length === 0) this.resume();
      return Promise.resolve({ done: false, value });
    }
    if (this.error) return Promise.reject(this.error);
    if (this.hasEnded) return Promise.resolve({ done: true, value: undefined });
    this.reader = Promise.withResolvers();
    return this.reader.promise;
  }

  return(): Promise<IteratorResult<Buffer>> {
    if (!this.hasEnded) this.fail(new Error('not read to its end'));
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected override began(status: number, headers: Headers): void {
    this.succeed({ status, headers, data: this });
  }

  protected override broke(error: Error): void {
    this.error = error;
    this.reader?.reject(error);
    this.reader = undefined;
  }
}
