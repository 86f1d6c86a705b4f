import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

import express, { type Response } from 'express';
import { expect, it } from 'vitest';

import type { TaskEventRow } from '../tasks/index.js';
import { sendEvents } from './event-stream.js';

type Events = (signal: AbortSignal) => AsyncIterable<TaskEventRow | undefined>;

const answers = { take: () => Promise.resolve() };
const row = (sequence: number, event: TaskEventRow['event'], data: object): TaskEventRow => {
  const text = JSON.stringify(data);
  return { sequence, event, bytes: text.length, read: () => Promise.resolve(text) };
};

async function serving(events: Events) {
  const app = express();
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  app.get('/', (_request, response: Response) => {
    void sendEvents(response, answers, (signal) => Promise.resolve(events(signal))).then(resolve);
  });
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    ended,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

it('an event stream sends events with their sequence as id, and a comment in a pause', async () => {
  using server = await serving(async function* () {
    yield row(1, 'status', { status: 'pending', text: 'two\nlines' });
    yield undefined;
    yield row(2, 'completed', { output: null });
  });
  const response = await fetch(server.url);
  expect(response.headers.get('cache-control')).toContain('no-cache');
  expect(await response.text()).toBe(
    'id: 1\nevent: status\ndata: {"status":"pending","text":"two\\nlines"}\n\n' +
      ': still here\n\n' +
      'id: 2\nevent: completed\ndata: {"output":null}\n\n',
  );
});

it('an event stream ends its source when the client disconnects', async () => {
  using server = await serving(async function* (signal) {
    yield undefined;
    await once(signal, 'abort');
  });
  const reading = new AbortController();
  const response = await fetch(server.url, { signal: reading.signal });
  expect(response.status).toBe(200);
  reading.abort();
  await server.ended;
});
