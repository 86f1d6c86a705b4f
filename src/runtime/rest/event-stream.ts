import { once } from 'node:events';

import type { Response } from 'express';

import { EVENT_STREAM_HEADERS } from '../../http/index.js';
import type { TaskEventRow } from '../tasks/index.js';
import type { AnswerBudget } from './answer-budget.js';

/** Sends server-sent events until they end or the client disconnects; `undefined` is sent as a comment. */
export async function sendEvents(
  response: Response,
  answers: Pick<AnswerBudget, 'take'>,
  events: (signal: AbortSignal) => AsyncIterable<TaskEventRow | undefined>,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.status(200).set(EVENT_STREAM_HEADERS).flushHeaders();
  for await (const row of events(gone.signal)) {
    if (gone.signal.aborted) break;
    const text = row === undefined ? ': still here\n\n' : await textOf(row, response, answers);
    if (text === undefined) break;
    if (!response.write(text)) await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
  }
  response.end();
}

/** `undefined` when the client disconnected before there was memory for a large event. */
async function textOf(
  { sequence, event, bytes, read }: TaskEventRow,
  response: Response,
  answers: Pick<AnswerBudget, 'take'>,
): Promise<string | undefined> {
  try {
    await answers.take(response, bytes);
  } catch {
    return undefined;
  }
  return `id: ${sequence}\nevent: ${event}\ndata: ${await read()}\n\n`;
}
