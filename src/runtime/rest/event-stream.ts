import { once } from 'node:events';

import type { Response } from 'express';

import type { TaskEventRow } from '../tasks/index.js';

const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-cache, no-transform',
  // nginx would hold small events back.
  'X-Accel-Buffering': 'no',
};

/** Sends events as server-sent events until they end or the reader goes away; a pause is bridged by a comment. */
export async function sendEvents(
  response: Response,
  events: (signal: AbortSignal) => AsyncIterable<TaskEventRow | undefined>,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.status(200).set(HEADERS).flushHeaders();
  for await (const row of events(gone.signal)) {
    if (gone.signal.aborted) break;
    const text = row === undefined ? ': still here\n\n' : textOf(row);
    if (!response.write(text)) await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
  }
  response.end();
}

const textOf = ({ sequence, event, data }: TaskEventRow): string =>
  `id: ${sequence}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
