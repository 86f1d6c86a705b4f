import { createParser, type EventSourceParser } from 'eventsource-parser';

import { AnswerTooLarge } from './read-whole.js';
import type { Hear, ServerSentEvent } from './request.js';

/** Puts server-sent events together from the pieces of a body, and tells them one after the other; comments are dropped. */
export class EventReader {
  private readonly decoder = new TextDecoder();
  private readonly parser: EventSourceParser;
  private readonly arrived: ServerSentEvent[] = [];

  /**
   * @param limit of one event.
   * @param failure what is thrown for a larger one, an {@link AnswerTooLarge}.
   */
  constructor(
    limit: number,
    private readonly hear: Hear,
    private readonly failure: (thrown: unknown) => Error,
  ) {
    this.parser = createParser({
      maxBufferSize: limit,
      onEvent: ({ id, event = 'message', data }) => {
        if (data.length > limit) throw new AnswerTooLarge(limit);
        this.arrived.push({ ...(id === undefined ? {} : { id }), event, data });
      },
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') throw new AnswerTooLarge(limit);
      },
    });
  }

  /** Resolves to whether the hearer has heard enough. */
  async take(chunk: Uint8Array): Promise<boolean> {
    this.parse(chunk);
    for (let event = this.arrived.shift(); event; event = this.arrived.shift()) {
      if (await this.hear(event)) return true;
    }
    return false;
  }

  private parse(chunk: Uint8Array): void {
    try {
      this.parser.feed(this.decoder.decode(chunk, { stream: true }));
    } catch (thrown) {
      throw this.failure(thrown);
    }
  }
}
