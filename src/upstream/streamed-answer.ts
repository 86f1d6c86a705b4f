import type { Dispatcher } from 'undici';

import { Exchange, type Headers } from './exchange.js';

/** A reader who is so far behind makes the runtime wait. */
const MOST_WAITING_BYTES = 65_536;

/** Deals with a piece of a body; resolves to whether that was enough of it. */
export type Take = (chunk: Buffer) => Promise<boolean>;

/** A body that is read as it comes. */
export interface Body {
  /**
   * Hands over piece after piece, each when the one before is dealt with, until there is no more or the reader has
   * enough, which closes the connection. Resolves to why the body broke off, if it did; rejects with what `take` threw.
   */
  read(take: Take): Promise<Error | undefined>;
}

interface Reader extends PromiseWithResolvers<Error | undefined> {
  readonly take: Take;
}

/**
 * An answer that is read as it comes. Pieces are handed to the reader, who does not ask for them: thousands are open at
 * a time, and each promise that somebody waits on outlives a collection or two, and what it is fulfilled with does too.
 */
export class StreamedAnswer extends Exchange implements Body {
  private readonly waiting: Buffer[] = [];
  private waitingBytes = 0;
  private reader: Reader | undefined;
  private isBusy = false;
  private hasEnded = false;
  private error: Error | undefined;

  read(take: Take): Promise<Error | undefined> {
    this.reader = { take, ...Promise.withResolvers<Error | undefined>() };
    void this.handOver();
    return this.reader.promise;
  }

  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.waiting.push(chunk);
    this.waitingBytes += chunk.length;
    if (this.waitingBytes > MOST_WAITING_BYTES) controller.pause();
    void this.handOver();
  }

  override onResponseEnd(): void {
    this.hasEnded = true;
    this.finish();
    void this.handOver();
  }

  protected override began(status: number, headers: Headers): void {
    this.succeed({ status, headers, data: this });
  }

  protected override broke(error: Error): void {
    this.error = error;
    void this.handOver();
  }

  private async handOver(): Promise<void> {
    const { reader } = this;
    if (!reader || this.isBusy) return;
    this.isBusy = true;
    try {
      for (let chunk = this.next(); chunk; chunk = this.next()) {
        if (await reader.take(chunk)) this.leave(reader);
      }
    } catch (thrown) {
      reader.reject(thrown);
      this.leave(reader);
    }
    this.isBusy = false;
    if (this.hasEnded || this.error) reader.resolve(this.error);
  }

  private next(): Buffer | undefined {
    const chunk = this.reader && this.waiting.shift();
    if (!chunk) return undefined;
    this.waitingBytes -= chunk.length;
    if (this.waiting.length === 0) this.resume();
    return chunk;
  }

  /** Reads no further; closes the connection, unless it has come to its end. */
  private leave({ resolve }: Reader): void {
    this.reader = undefined;
    resolve(undefined);
    if (!this.hasEnded) this.fail(new Error('not read to its end'));
  }
}
