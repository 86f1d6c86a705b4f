import { createParser } from 'eventsource-parser';
import { expect } from 'vitest';

import type { Answer } from './target.js';

interface Message {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly error?: { readonly code: unknown; readonly message: unknown };
}

/** What we say when we have failed. (The SDK's code for wrong params, too, is that of an internal error.) */
const FAILURE = 'Internal server error';
/** Paths of this machine and lines of a stack. */
const INSIDES = /node_modules|\/dist\/|file:\/\/|\.[cm]?[jt]s:\d+|\n\s+at |\bat [\w.<> ]+ \(/;

/** The messages an answer holds, as JSON or as events. */
export function messagesIn({ isStream, text }: Pick<Answer, 'isStream' | 'text'>): Message[] {
  if (!isStream) return text === '' ? [] : [JSON.parse(text) as Message].flat();
  const messages: Message[] = [];
  const parser = createParser({
    // The first event of a stream that can be resumed holds nothing.
    onEvent: ({ data }) => data !== '' && messages.push(JSON.parse(data) as Message),
  });
  parser.feed(text);
  return messages;
}

/** Holds for every answer to every request: none is a failure of ours, and all of them are JSON-RPC. */
export function expectSound(answer: Answer, method = 'POST'): void {
  const { status, text, isStream } = answer;
  expect(status, text).toBeLessThan(500);
  expect(text).not.toMatch(INSIDES);
  if (method === 'HEAD' || (method === 'OPTIONS' && status === 204)) return;
  const messages = messagesIn(answer);
  if (status >= 400) {
    expect(messages, `the body of ${status} is one error`).toHaveLength(1);
    expect(messages[0]?.error, text).toBeDefined();
  }
  if (status === 202 || (status === 200 && method === 'DELETE')) expect(text).toBe('');
  else if (!isStream) expect(messages).not.toHaveLength(0);
  for (const { jsonrpc, error } of messages) {
    expect(jsonrpc, text).toBe('2.0');
    if (!error) continue;
    expect(error, text).toEqual(
      expect.objectContaining({ code: expect.any(Number), message: expect.any(String) }),
    );
    expect(error.message).not.toContain(FAILURE);
  }
}

/** What of an answer must not depend on the way the request took. */
export const outlineOf = (answer: Answer): object => ({
  status: answer.status,
  type: answer.headers['content-type'],
  // Those of a batch come as they are ready.
  messages: messagesIn(answer)
    .map(({ id, method, error }) => JSON.stringify({ id, method, error }))
    .sort(),
});
