import { createParser, type EventSourceParser } from 'eventsource-parser';

import { AnswerTooLarge } from './read-whole.js';
import type { ServerSentEvent } from './request.js';

/** A body while it is being read. */
export interface OpenBody {
  readonly chunks: AsyncIterator<Uint8Array>;
  /** Called for every chunk, comments included: the stream is alive. */
  heard(): void;
  /** Called once, when nothing more is read. */
  closed(): void;
}

type Read = IteratorResult<ServerSentEvent>;

/**
 * Reads server-sent events off a body as they come; comments are dropped. An iterator by hand, without `async`: thousands
 * are open at a time, and generators inside one another leave a kilobyte behind for every event.
 */
export class EventReader implements AsyncIterableIterator<ServerSentEvent> {
  private readonly decoder = new TextDecoder();
  private readonly parser: EventSourceParser;
  private readonly arrived: ServerSentEvent[] = [];
  private body: OpenBody | undefined;

  private readonly begin = (body: OpenBody): Promise<IteratorResult<Uint8Array>> => {
    this.body = body;
    return body.chunks.next();
  };

  private readonly take = ({ done, value }: IteratorResult<Uint8Array>): Read | Promise<Read> => {
    if (done) return this.return();
    try {
      this.body?.heard();
      this.parser.feed(this.decoder.decode(value, { stream: true }));
    } catch (thrown) {
      return this.fail(thrown);
    }
    return this.next();
  };

  private readonly fail = async (thrown: unknown): Promise<never> => {
    await this.return();
    throw this.failure(thrown);
  };

  /**
   * @param limit of one event; beyond it, reading ends with {@link AnswerTooLarge}.
   * @param failure what is thrown for whatever goes wrong.
   */
  constructor(
    private readonly open: () => Promise<OpenBody>,
    private readonly limit: number,
    private readonly failure: (thrown: unknown) => Error,
  ) {
    this.parser = createParser({
      maxBufferSize: limit,
      onEvent: ({ id, event = 'message', data }) => {
        if (data.length > limit) throw this.tooLarge();
        this.arrived.push({ ...(id === undefined ? {} : { id }), event, data });
      },
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') throw this.tooLarge();
      },
    });
  }

  next(): Promise<Read> {
    const value = this.arrived.shift();
    if (value) return Promise.resolve({ done: false, value });
    const read = this.body ? this.body.chunks.next() : this.open().then(this.begin);
    return read.then(this.take, this.fail);
  }

  async return(): Promise<Read> {
    this.body?.closed();
    await this.body?.chunks.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private tooLarge(): AnswerTooLarge {
    return new AnswerTooLarge(`one event of more than ${this.limit} bytes`);
  }
}
