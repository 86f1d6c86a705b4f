import { once } from 'node:events';

import type { Response } from 'express';

import { EVENT_STREAM_HEADERS } from '../../http/index.js';
import type { TaskLogLine } from '../../contract/index.js';
import type { FollowedLog, TaskEventRow } from '../tasks/index.js';
import type { AnswerBudget } from './answer-budget.js';

const PAUSE = ': still here\n\n';

/**
 * Sends server-sent events until they end or the client disconnects; `undefined` is sent as a comment. Nothing is sent
 * when there are no such events.
 *
 * @throws what `events` rejects with.
 */
export async function sendEvents(
  response: Response,
  answers: Pick<AnswerBudget, 'take'>,
  events: (signal: AbortSignal) => Promise<AsyncIterable<TaskEventRow | undefined>>,
): Promise<void> {
  await sendStream(response, EVENT_STREAM_HEADERS, async (signal) =>
    eventTexts(await events(signal), response, answers),
  );
}

async function* eventTexts(
  events: AsyncIterable<TaskEventRow | undefined>,
  response: Response,
  answers: Pick<AnswerBudget, 'take'>,
): AsyncGenerator<string> {
  for await (const row of events) {
    const text = row === undefined ? PAUSE : await textOf(row, response, answers);
    if (text === undefined) return;
    yield text;
  }
}

/** Sends a followed log as server-sent events; the last one tells how the task has ended. */
export async function sendLogEvents(
  response: Response,
  log: (signal: AbortSignal) => AsyncIterable<FollowedLog>,
): Promise<void> {
  await sendStream(response, EVENT_STREAM_HEADERS, async function* (signal) {
    for await (const part of log(signal)) {
      if (part === undefined) yield PAUSE;
      else if ('lines' in part) yield part.lines.map(logEvent).join('');
      else yield `event: end\ndata: ${JSON.stringify(part)}\n\n`;
    }
  });
}

const logEvent = ({ cursor, ...line }: TaskLogLine): string =>
  `id: ${cursor}\nevent: log\ndata: ${JSON.stringify({ cursor, ...line })}\n\n`;

/** Sends the lines of a log as plain text. */
export async function sendLogText(
  response: Response,
  log: (signal: AbortSignal) => AsyncIterable<FollowedLog>,
): Promise<void> {
  await sendStream(response, TEXT_HEADERS, async function* (signal) {
    for await (const part of log(signal))
      if (part && 'lines' in part) yield part.lines.map(({ text }) => `${text}\n`).join('');
  });
}

/** Output of programs must not be shown as a page. */
const TEXT_HEADERS = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };

/** Sends texts until they end or the client disconnects; waits while the client is behind. */
async function sendStream(
  response: Response,
  headers: Readonly<Record<string, string>>,
  texts: (signal: AbortSignal) => AsyncIterable<string> | Promise<AsyncIterable<string>>,
): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const sent = await texts(gone.signal);
  response.status(200).set(headers).flushHeaders();
  for await (const text of sent) {
    if (gone.signal.aborted) break;
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
