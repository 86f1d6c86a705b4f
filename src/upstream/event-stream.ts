import { createParser } from 'eventsource-parser';
import type { Dispatcher } from 'undici';

import { Exchange, type ResponseHeaders, ResponseTooLarge } from './exchange.js';
import type { OnEvent, ServerSentEvent } from './request.js';

/** Unread bytes above which the runtime is paused. */
const HIGH_WATER_BYTES = 65_536;

/** Handles a chunk of a body; resolves to true to stop reading. */
export type OnChunk = (chunk: Buffer) => Promise<boolean>;

/** @throws {ResponseTooLarge} as soon as that is known; the rest is not read. */
export async function readAll(body: StreamedResponse, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const error = await body.read((chunk) => {
    size += chunk.length;
    if (size > limit) throw new ResponseTooLarge(limit);
    chunks.push(chunk);
    return Promise.resolve(false);
  });
  if (error) throw error;
  return Buffer.concat(chunks);
}

/**
 * Passes on the server-sent events in the chunks of a body one at a time; comments are dropped.
 *
 * @param limit of one event; a larger one rejects with {@link ResponseTooLarge}.
 */
export function eventsIn(limit: number, onEvent: OnEvent): OnChunk {
  const decoder = new TextDecoder();
  const parsed: ServerSentEvent[] = [];
  const parser = createParser({
    maxBufferSize: limit,
    onEvent: ({ id, event = 'message', data }) => {
      if (data.length > limit) throw new ResponseTooLarge(limit);
      parsed.push({ ...(id !== undefined && { id }), event, data });
    },
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') throw new ResponseTooLarge(limit);
    },
  });
  return async (chunk) => {
    parser.feed(decoder.decode(chunk, { stream: true }));
    for (let event = parsed.shift(); event; event = parsed.shift()) if (await onEvent(event)) return true;
    return false;
  };
}

interface Reader extends PromiseWithResolvers<Error | undefined> {
  readonly onChunk: OnChunk;
}

/**
 * A response that is read as it arrives. Chunks are pushed to the reader, not pulled by it: thousands of streams are open
 * at a time, and a promise that is awaited, with its value, survives a garbage collection or two.
 */
export class StreamedResponse extends Exchange {
  private readonly unread: Buffer[] = [];
  private unreadBytes = 0;
  private reader: Reader | undefined;
  private isBusy = false;
  private hasEnded = false;
  private error: Error | undefined;

  /**
   * Passes on one chunk at a time, until the body ends or `onChunk` resolves to true, which closes the connection.
   * Resolves to the error that cut the body off, if any; rejects with what `onChunk` threw.
   */
  read(onChunk: OnChunk): Promise<Error | undefined> {
    this.reader = { onChunk, ...Promise.withResolvers<Error | undefined>() };
    void this.deliver();
    return this.reader.promise;
  }

  override onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.unread.push(chunk);
    this.unreadBytes += chunk.length;
    if (this.unreadBytes > HIGH_WATER_BYTES) controller.pause();
    void this.deliver();
  }

  override onResponseEnd(): void {
    this.hasEnded = true;
    this.finish();
    void this.deliver();
  }

  protected override onHeaders(status: number, headers: ResponseHeaders): void {
    this.succeed({ status, headers, data: this });
  }

  protected override onFailure(error: Error): void {
    this.error = error;
    void this.deliver();
  }

  private async deliver(): Promise<void> {
    const { reader } = this;
    if (!reader || this.isBusy) return;
    this.isBusy = true;
    try {
      for (let chunk = this.next(); chunk; chunk = this.next()) {
        if (await reader.onChunk(chunk)) this.stop(reader);
      }
    } catch (thrown) {
      reader.reject(thrown);
      this.stop(reader);
    }
    this.isBusy = false;
    if (this.hasEnded || this.error) reader.resolve(this.error);
  }

  private next(): Buffer | undefined {
    const chunk = this.reader && this.unread.shift();
    if (!chunk) return undefined;
    this.unreadBytes -= chunk.length;
    if (this.unread.length === 0) this.resume();
    return chunk;
  }

  /** Reads no further; closes the connection, unless the body is complete. */
  private stop({ resolve }: Reader): void {
    this.reader = undefined;
    resolve(undefined);
    if (!this.hasEnded) this.fail(new Error('not read to its end'));
  }
}
