import { createParser } from 'eventsource-parser';

import { ApiError, type Query, send } from './client.js';

const AGAIN_MS = 1500;

export interface ServerEvent {
  readonly name: string;
  readonly data: unknown;
}

interface Following {
  readonly query?: Query;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ServerEvent) => void;
  /** Whether the stream is complete with this event. */
  readonly isLast: (event: ServerEvent) => boolean;
}

/** Follows a stream of events until its last one; goes on behind the last event when the connection breaks. */
export async function follow(path: string, { query, signal, onEvent, isLast }: Following): Promise<void> {
  let lastId = '';
  let isDone = false;
  const parser = createParser({
    onEvent: ({ id, event, data }) => {
      lastId = id ?? lastId;
      const received = { name: event ?? 'message', data: JSON.parse(data) as unknown };
      onEvent(received);
      isDone ||= isLast(received);
    },
  });
  // oxlint-disable-next-line no-unmodified-loop-condition -- each event that is read may set it
  while (!isDone && !signal.aborted) {
    try {
      await read(path, { query, signal, lastId }, (text) => parser.feed(text));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) throw error;
    }
    parser.reset();
    if (!isDone) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

interface Asked {
  readonly query: Query | undefined;
  readonly signal: AbortSignal;
  readonly lastId: string;
}

async function read(
  path: string,
  { query, signal, lastId }: Asked,
  feed: (text: string) => void,
): Promise<void> {
  const headers = { Accept: 'text/event-stream', ...(lastId !== '' && { 'Last-Event-ID': lastId }) };
  const response = await send('GET', path, { headers, signal, ...(query && { query }) });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) feed(part.value);
}
