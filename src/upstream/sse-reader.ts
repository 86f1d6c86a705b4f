import { createParser, type EventSourceParser } from 'eventsource-parser';

import { ResponseTooLarge } from './exchange.js';
import type { OnEvent, ServerSentEvent } from './request.js';

/** Parses server-sent events out of the chunks of a body and passes them on one at a time; comments are dropped. */
export class SseReader {
  private readonly decoder = new TextDecoder();
  private readonly parser: EventSourceParser;
  private readonly parsed: ServerSentEvent[] = [];

  /**
   * @param limit of one event.
   * @param toError makes the error for a larger event out of a {@link ResponseTooLarge}.
   */
  constructor(
    limit: number,
    private readonly onEvent: OnEvent,
    private readonly toError: (thrown: unknown) => Error,
  ) {
    this.parser = createParser({
      maxBufferSize: limit,
      onEvent: ({ id, event = 'message', data }) => {
        if (data.length > limit) throw new ResponseTooLarge(limit);
        this.parsed.push({ ...(id === undefined ? {} : { id }), event, data });
      },
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') throw new ResponseTooLarge(limit);
      },
    });
  }

  /** Resolves to true when `onEvent` wants no further events. */
  async take(chunk: Uint8Array): Promise<boolean> {
    this.parse(chunk);
    for (let event = this.parsed.shift(); event; event = this.parsed.shift()) {
      if (await this.onEvent(event)) return true;
    }
    return false;
  }

  private parse(chunk: Uint8Array): void {
    try {
      this.parser.feed(this.decoder.decode(chunk, { stream: true }));
    } catch (thrown) {
      throw this.toError(thrown);
    }
  }
}
