import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import { expect, it } from 'vitest';

import { ApiClient } from './api-client.js';
import { followEvents } from './event-follower.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const events =
  (text: string, isCut: boolean): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    if (!isCut) response.end(text);
    else response.write(text, () => setImmediate(() => response.destroy()));
  };

/** Follows a server that gives these answers in turn. */
async function follow(answers: Answer[]) {
  const resumedAfter: unknown[] = [];
  const server = createServer((request, response) => {
    resumedAfter.push(request.headers['last-event-id']);
    answers.shift()?.(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
  const api = new ApiClient({ url, key: 'sk-test', keyFrom: 'a test' });
  const [seen, lost]: string[][] = [[], []];
  const outcome = await followEvents(api, {
    path: ['events'],
    signal: new AbortController().signal,
    onEvent: ({ data }) => seen?.push(data) !== undefined && data === 'last',
    isOver: () => Promise.resolve(false),
    onLost: (reason) => void lost?.push(reason),
  }).catch((error: Error) => error.message);
  server.close();
  server.closeAllConnections();
  return { seen, lostCount: lost?.length, resumedAfter, outcome };
}

it('a connection that is lost is made again and continues after the last event', async () => {
  const answers = [
    events('id: 1\ndata: one\n\n', true),
    events('id: 2\ndata: two\n\n', false),
    events('id: 3\ndata: last\n\n', false),
  ];
  expect(await follow(answers)).toEqual({
    seen: ['one', 'two', 'last'],
    lostCount: 1,
    resumedAfter: [undefined, '1', '2'],
    outcome: undefined,
  });
});

it('a server that is being restarted is asked again, and one that refuses is not', async () => {
  const status =
    (code: number): Answer =>
    (_request, response) => {
      response.writeHead(code, { 'Content-Type': 'application/json' }).end('{"error_message":"not now"}');
    };
  const { outcome, lostCount, resumedAfter } = await follow([status(503), status(403)]);
  expect({ outcome, lostCount, count: resumedAfter.length }).toEqual({
    outcome: 'Not now.',
    lostCount: 1,
    count: 2,
  });
});
