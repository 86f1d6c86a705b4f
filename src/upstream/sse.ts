import { createParser } from 'eventsource-parser';

import type { ServerSentEvent } from './request.js';
import { AnswerTooLarge } from './read-whole.js';

/**
 * Reads server-sent events off a body as they come; comments are dropped.
 *
 * @param heard called for every chunk, comments included: the stream is alive.
 * @throws {AnswerTooLarge} when one event exceeds the limit.
 */
export async function* serverSentEvents(
  body: AsyncIterable<Uint8Array>,
  limit: number,
  heard: () => void,
): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let arrived: ServerSentEvent[] = [];
  const parser = createParser({
    maxBufferSize: limit,
    onEvent: ({ id, event = 'message', data }) => {
      if (data.length > limit) throw new AnswerTooLarge(`one event of more than ${limit} bytes`);
      arrived.push({ ...(id === undefined ? {} : { id }), event, data });
    },
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded')
        throw new AnswerTooLarge(`one event of more than ${limit} bytes`);
    },
  });
  for await (const chunk of body) {
    heard();
    parser.feed(decoder.decode(chunk, { stream: true }));
    const events = arrived;
    arrived = [];
    yield* events;
  }
}
